"""Where operations live."""

from typing import Any

import pytest

from providers.upstream.endpoints import endpoint
from tests.providers.facts import connection_to

AZURE = "https://res.openai.azure.com"


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("chat", "chat/completions"),
        ("embeddings", "embeddings"),
        ("responses", "responses"),
        ("speech", "audio/speech"),
    ],
)
def test_plain_servers_are_asked_below_their_base(operation: str, path: str) -> None:
    assert endpoint(connection_to("https://models.example/v1"), operation, "m1") == f"https://models.example/v1/{path}"


@pytest.mark.parametrize("base_url", ["http://ollama:11434", "http://ollama:11434/v1"])
def test_ollama_is_asked_at_v1_whether_its_address_says_so_or_not(base_url: str) -> None:
    assert endpoint(connection_to(base_url, kind="ollama"), "chat", "m") == "http://ollama:11434/v1/chat/completions"


@pytest.mark.parametrize(
    ("base_url", "operation", "name", "address"),
    [
        (AZURE, "chat", "gpt", f"{AZURE}/openai/deployments/gpt/chat/completions?api-version=2024-10-21"),
        (f"{AZURE}/openai", "chat", "gpt", f"{AZURE}/openai/deployments/gpt/chat/completions?api-version=2024-10-21"),
        (AZURE, "chat", "a b/1", f"{AZURE}/openai/deployments/a%20b%2F1/chat/completions?api-version=2024-10-21"),
        (AZURE, "embeddings", "e", f"{AZURE}/openai/deployments/e/embeddings?api-version=2024-10-21"),
        (AZURE, "speech", "t", f"{AZURE}/openai/deployments/t/audio/speech?api-version=2024-10-21"),
        (AZURE, "responses", "gpt", f"{AZURE}/openai/responses?api-version=2024-10-21"),
        (
            f"{AZURE}/openai/deployments/fixed",
            "chat",
            "gpt",
            f"{AZURE}/openai/deployments/fixed/chat/completions?api-version=2024-10-21",
        ),
        (f"{AZURE}/openai/deployments/fixed", "responses", "gpt", f"{AZURE}/openai/responses?api-version=2024-10-21"),
        (f"{AZURE}/openai/v1", "chat", "gpt", f"{AZURE}/openai/v1/chat/completions?api-version=2024-10-21"),
    ],
)
def test_r40_azures_addresses_are_those_of_its_own_client(
    base_url: str, operation: str, name: str, address: str
) -> None:
    connection = connection_to(base_url, azure=True, api_version="2024-10-21")
    assert endpoint(connection, operation, name) == address


def azure(base_url: str, **changes: Any) -> str:
    return endpoint(connection_to(base_url, azure=True, **changes), "chat", "gpt")


def test_r12_an_azure_connection_without_a_version_has_the_default_one() -> None:
    assert azure(AZURE).endswith("/chat/completions?api-version=2023-03-15-preview")


def test_azures_newer_surface_needs_no_version() -> None:
    assert azure(f"{AZURE}/openai/v1") == f"{AZURE}/openai/v1/chat/completions"
