"""Azure's two surfaces: addresses, versions and parameters, for its row in `providers.upstream.kinds`.

The classic surface has a deployment in the path and always a version; the newer one (`…/openai/v1`) is the plain
protocol, where `model` names the deployment. Source: docs/upstreams/azure-openai.md, “Surfaces”.
"""

from urllib.parse import quote

from providers.errors import ConfigurationError
from providers.sentences import sentence as _
from providers.upstream.servers import Server

DEFAULT_VERSION = "2023-03-15-preview"
STREAM_OPTIONS_SINCE = "2024-09-01"  # the first version that accepts `stream_options`
DEPLOYMENTS = "/deployments/"  # in a classic base URL that names its deployment, at Azure or behind a proxy
# The classic surface answers 400 to a member of a chat completion that it does not know.
CHAT_PARAMETERS = frozenset(
    """
    messages model temperature role content contentPart contentPartImage enhancements dataSources data_sources n
    stream stop max_tokens presence_penalty frequency_penalty logit_bias user function_call functions tools
    tool_choice parallel_tool_calls top_p logprobs top_logprobs response_format seed max_completion_tokens
    reasoning_effort verbosity modalities audio prediction store metadata service_tier safety_identifier
    prompt_cache_key user_security_context
    """.split()  # noqa: SIM905  forty words read better than forty quoted lines
)


def _is_classic(server: Server) -> bool:
    return not server.base_url.endswith("/v1")


def _version(server: Server) -> str:
    """The query string, with the default version where the surface needs one."""
    version = server.api_version or (DEFAULT_VERSION if _is_classic(server) else "")
    return f"?api-version={quote(version, safe='')}" if version else ""


def _root(server: Server) -> str:
    return server.base_url.partition(DEPLOYMENTS)[0].removesuffix("/openai") + "/openai"


def endpoint(server: Server, path: str, model: str, deployed: bool) -> str:
    base = server.base_url
    if _is_classic(server):
        base = _root(server)
        if deployed:
            # A base URL with a deployment keeps it. A deployment's name is quoted into one segment of the path.
            fixed = DEPLOYMENTS in server.base_url
            base = server.base_url if fixed else f"{base}/deployments/{quote(model, safe='')}"
    return f"{base}/{path}{_version(server)}"


def unversioned(url: str) -> str:
    """The v1 surface; a base URL with a deployment stays, because only the classic surface has it."""
    return url if url.endswith("/v1") or DEPLOYMENTS in url else f"{url.removesuffix('/openai')}/openai/v1"


def list_urls(server: Server) -> list[str]:
    if _is_classic(server):
        raise ConfigurationError(
            _("Azure does not list deployments. Enter their names under “Model ids”."), code="model_ids_needed"
        )
    return [f"{server.base_url}/models{_version(server)}"]


def probe_urls(server: Server) -> list[str]:
    """The classic surface lists the models of the region: no deployments, but it answers and checks the key."""
    base = _root(server) if _is_classic(server) else server.base_url
    return [f"{base}/models{_version(server)}"]


def chat_parameters(server: Server) -> frozenset[str] | None:
    if not _is_classic(server):
        return None
    version = server.api_version or DEFAULT_VERSION  # a date, or `preview`, which sorts after every date
    if version[:10] >= STREAM_OPTIONS_SINCE:
        return CHAT_PARAMETERS | {"stream_options"}
    return CHAT_PARAMETERS
