"""Where an operation lives at a connection."""

from providers.facts import ConnectionFacts
from providers.upstream import kinds

PATHS: dict[str, str] = {
    "chat": "chat/completions",
    "embeddings": "embeddings",
    "responses": "responses",
    "speech": "audio/speech",
}
# On Azure's classic surface these stand below their deployment; the others do not (contracts: classic URL rules).
DEPLOYED = {"chat", "embeddings", "speech"}


def endpoint(connection: ConnectionFacts, operation: str, upstream_id: str) -> str:
    """The address of an operation for a model."""
    return kinds.of(connection).endpoint(connection, PATHS[operation], upstream_id, operation in DEPLOYED)
