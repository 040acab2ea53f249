"""Where an operation lives at a connection: plain OpenAI, Azure's two surfaces, Ollama. Values in, an address out."""

from typing import Literal
from urllib.parse import quote, urlsplit

from providers.facts import ConnectionFacts

Operation = Literal["chat", "embeddings", "responses", "speech"]

PATHS: dict[str, str] = {
    "chat": "chat/completions",
    "embeddings": "embeddings",
    "responses": "responses",
    "speech": "audio/speech",
}
# On Azure's classic surface these stand below their deployment; the others do not (contracts: classic URL rules).
DEPLOYED = {"chat", "embeddings", "speech"}
DEFAULT_API_VERSION = "2023-03-15-preview"  # R12
OFFICIAL_HOST = "api.openai.com"


def endpoint(connection: ConnectionFacts, operation: str, upstream_id: str) -> str:
    """The address of an operation for a model."""
    if connection.azure:
        return _azure(connection, operation, upstream_id)
    base = connection.base_url
    if connection.kind == "ollama" and not base.endswith("/v1"):
        base += "/v1"  # people write Ollama's address with and without it
    return f"{base}/{PATHS[operation]}"


def api_version(connection: ConnectionFacts) -> str:
    """The version that Azure's classic surface is asked with."""
    return connection.api_version or DEFAULT_API_VERSION


def is_azure_v1(connection: ConnectionFacts) -> bool:
    """Azure's newer surface: the plain protocol, where `model` names the deployment."""
    return connection.azure and connection.base_url.endswith("/v1")


def is_azure_classic(connection: ConnectionFacts) -> bool:
    return connection.azure and not connection.base_url.endswith("/v1")


def is_official(connection: ConnectionFacts) -> bool:
    """Whether this is OpenAI's own API (its regional hosts too) or Azure's: they take the newest parameters."""
    if connection.azure:
        return True
    host = urlsplit(connection.base_url).hostname or ""
    return host == OFFICIAL_HOST or host.endswith(f".{OFFICIAL_HOST}")


def _azure(connection: ConnectionFacts, operation: str, deployment: str) -> str:
    base, path = connection.base_url, PATHS[operation]
    if is_azure_v1(connection):
        version = f"?api-version={quote(connection.api_version, safe='')}" if connection.api_version else ""
        return f"{base}/{path}{version}"
    root, fixed, _rest = base.partition("/openai/deployments/")
    root = root.removesuffix("/openai") + "/openai"
    if operation in DEPLOYED:
        # A base that names its deployment keeps it; the name is one path segment whatever it holds.
        below = base if fixed else f"{root}/deployments/{quote(deployment, safe='')}"
        path = f"{below}/{path}"
    else:
        path = f"{root}/{path}"
    return f"{path}?api-version={quote(api_version(connection), safe='')}"
