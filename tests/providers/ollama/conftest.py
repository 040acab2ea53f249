"""An Ollama server, with and without a prefix in front of the names of its models."""

import pytest

from tests import people


@pytest.fixture
def ollama_server(db, upstream):
    """A connection that offers `gemma3:latest` as `local.gemma3:latest`, by its own protocol."""
    upstream.openai.models = ["gemma3:latest"]
    return people.make_connection(upstream.url, "gemma3:latest", kind="ollama", prefix_id="local", name="Ollama")
