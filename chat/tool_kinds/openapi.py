"""Servers with an OpenAPI description in JSON: each operation becomes a tool.

https://spec.openapis.org/oas/v3.1.1.html. Parameters become members of the arguments under their names, a JSON body the
member `body`. Calls go to the origin of the description's address and nowhere else.
"""

from collections.abc import Iterator, Mapping
from itertools import chain, islice, takewhile
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from chat.tool_kinds import listing
from chat.tool_kinds.base import MAX_BYTES, MAX_TEXT, Grant, ListedTool, ToolEndpoint, ToolResult
from providers import http, json_bodies
from providers.errors import BadRequest, ConfigurationError, ProviderError
from providers.http.policy import origin
from providers.process import waiting
from providers.sentences import sentence as _
from providers.upstream import error_bodies
from providers.upstream.header_templates import with_custom

METHODS = ("get", "post", "put", "patch", "delete")
MAX_OPERATIONS = 1000  # of a description that are read
MAX_PARAMETERS = 200  # of an operation
MAX_DEPTH = 12  # of references inside each other
MAX_PARTS = 3000  # values of one schema, once its references are filled in
# Headers that are this site's or the row's own to set.
OWN_HEADERS = frozenset({"authorization", "cookie", "host", "content-length", "content-type", "transfer-encoding"})
JSON = "application/json"


class OpenApiClient:
    async def list_tools(self, server: ToolEndpoint, grant: Grant | None) -> list[ListedTool]:
        status, body, headers = await _send(server, "GET", server.url)
        if status >= 300:
            raise error_bodies.error_of(status, body, headers)
        return await waiting.off_loop(len(body) * 8, tools_in, body, server.url)

    async def call(
        self, server: ToolEndpoint, grant: Grant | None, tool: ListedTool, arguments: Mapping[str, Any]
    ) -> ToolResult:
        method, address, headers, content = request_for(server.url, tool, arguments)
        status, body, _headers = await _send(server, method, address, headers, content)
        text = await waiting.off_loop(len(body), _text, body)
        if status >= 300:
            return ToolResult(f"The server answered with the status {status}.\n{text}".strip(), is_error=True)
        return ToolResult(text or "Done. The server sent nothing back.")


async def _send(
    server: ToolEndpoint,
    method: str,
    address: str,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> tuple[int, bytes, dict[str, str]]:
    key = {"Authorization": f"Bearer {server.bearer}"} if server.bearer else {}
    sent = with_custom({"Accept": JSON, **(headers or {})}, with_custom(key, server.headers))
    options: dict[str, Any] = {"limits": server.limits, "tls": server.tls, "secrets": server.secrets, "unpacked": True}
    async with http.stream(method, address, headers=sent, body=content, **options) as answer:
        return answer.status, await answer.read(MAX_BYTES), dict(answer.headers)


def _text(body: bytes) -> str:
    return listing.clean(body.decode(errors="replace"))[:MAX_TEXT]


# --- the description --------------------------------------------------------------------------------------------------


def tools_in(body: bytes, url: str) -> list[ListedTool]:
    """The tools of a description. Raises ProviderError for what is none, ConfigurationError for another server's."""
    try:
        description = json_bodies.parse_response(body)
    except ValueError as error:
        raise _no_description() from error
    if not isinstance(description, dict) or not isinstance(description.get("paths"), dict):
        raise _no_description()
    base = _base(description, url)
    return listing.checked(islice(_tools(description, base), MAX_OPERATIONS))


def _no_description() -> ProviderError:
    return ProviderError(_("There is no OpenAPI description in JSON at this address."), code="not_openapi")


def _base(description: Mapping[str, Any], url: str) -> str:
    """The path that all paths begin with, from the first of `servers`, which must be at the same origin."""
    servers = description.get("servers")
    first = servers[0].get("url") if isinstance(servers, list) and servers and isinstance(servers[0], dict) else ""
    try:
        whole = urljoin(url, first) if isinstance(first, str) and first else urljoin(url, "/")
    except ValueError:  # a host in half a bracket
        whole = ""
    if origin(whole) != origin(url):
        text = _("The description is of a server at %(address)s. Enter the address of the description there.")
        raise ConfigurationError(text % {"address": origin(whole) or listing.line(first, 100)}, code="other_server")
    return urlsplit(whole).path.rstrip("/")


def _tools(description: dict[str, Any], base: str) -> Iterator[ListedTool]:
    for path, item in description["paths"].items():
        item = _resolved(description, item)
        if not isinstance(item, dict) or not isinstance(path, str) or not path.startswith("/"):
            continue
        for method in METHODS:
            operation = item.get(method)
            if isinstance(operation, dict):
                yield _tool(description, base, path, method, operation, item.get("parameters"))


def _tool(
    description: dict[str, Any], base: str, path: str, method: str, operation: dict[str, Any], shared: Any
) -> ListedTool:
    properties: dict[str, Any] = {}
    required: dict[str, None] = {}
    where: dict[str, str] = {}
    lists = [given for given in (shared, operation.get("parameters")) if isinstance(given, list)]
    for given in islice(chain.from_iterable(lists), MAX_PARAMETERS):
        parameter = _resolved(description, given)
        if not isinstance(parameter, dict) or not isinstance(name := parameter.get("name"), str):
            continue
        position = parameter.get("in")
        if position not in ("path", "query", "header") or name == "body" or name.lower() in OWN_HEADERS:
            continue
        schema = parameter.get("schema")
        properties[name] = {
            **(schema if isinstance(schema, dict) else {"type": "string"}),
            **({"description": parameter["description"]} if isinstance(parameter.get("description"), str) else {}),
        }
        where[name] = position
        if position == "path" or parameter.get("required") is True:
            required[name] = None
    body = _resolved(description, operation.get("requestBody"))
    content = body.get("content") if isinstance(body, dict) else None
    in_json = content.get(JSON) if isinstance(content, dict) else None
    if isinstance(in_json, dict):
        properties["body"] = in_json.get("schema") or {}
        if isinstance(body, dict) and body.get("required") is True:
            required["body"] = None
    parameters = _filled(description, {"type": "object", "properties": properties, "required": list(required)})
    words = [text for text in (operation.get("summary"), operation.get("description")) if isinstance(text, str)]
    named = operation.get("operationId")
    return ListedTool(
        named if isinstance(named, str) and named else f"{method} {path}",
        words[0] if words else f"{method.upper()} {path}",
        "\n".join(words) or f"{method.upper()} {path}",
        parameters,
        {"method": method.upper(), "path": f"{base}{path}", "where": where, "body": "body" in properties},
    )


def _resolved(description: Any, value: Any) -> Any:
    """The value behind a reference within the description; None where there is none."""
    for _step in range(MAX_DEPTH):
        if not isinstance(value, dict) or not isinstance(target := value.get("$ref"), str):
            return value
        value = description
        for part in target.removeprefix("#/").split("/") if target.startswith("#/") else [None]:
            key = part.replace("~1", "/").replace("~0", "~") if part is not None else None
            value = value.get(key) if isinstance(value, dict) else None
    return None


def _filled(description: dict[str, Any], schema: Any) -> Any:
    """A schema with its references filled in, up to a depth and a size; beyond them anything goes."""
    left = [MAX_PARTS]

    def fill(value: Any, depth: int) -> Any:
        left[0] -= 1
        if depth > MAX_DEPTH or left[0] < 0:
            return {}
        value = _resolved(description, value)
        if isinstance(value, dict):
            return {name: fill(member, depth + 1) for name, member in takewhile(has_room, value.items())}
        if isinstance(value, list):
            return [fill(member, depth + 1) for member in takewhile(has_room, value)]
        return value

    def has_room(_member: Any) -> bool:
        return left[0] > 0

    return fill(schema, 0)


# --- a call -----------------------------------------------------------------------------------------------------------


def request_for(
    url: str, tool: ListedTool, arguments: Mapping[str, Any]
) -> tuple[str, str, dict[str, str], bytes | None]:
    """Method, address, headers and body of a call. Raises BadRequest for an argument that cannot be said."""
    path, query, headers = str(tool.request["path"]), list[tuple[str, str]](), dict[str, str]()
    for name, position in tool.request["where"].items():
        if name not in arguments:
            continue
        value = arguments[name]
        if position == "path":
            text = _as_text(value)
            if text in ("", ".", ".."):
                raise BadRequest(_("“%(name)s” cannot be empty or dots alone.") % {"name": name}, param=name)
            path = path.replace("{" + name + "}", quote(text, safe=""))
        elif position == "query":
            query += [(name, _as_text(part)) for part in (value if isinstance(value, list) else [value])]
        else:
            text = _as_text(value)
            if not text.isprintable() or not text.isascii():
                raise BadRequest(_("“%(name)s” cannot be sent as a header.") % {"name": name}, param=name)
            headers[name] = text
    content = None
    if tool.request.get("body") and "body" in arguments:
        content = json_bodies.dumps(arguments["body"])
        headers["Content-Type"] = JSON
    address = f"{origin(url)}{path}" + (f"?{urlencode(query)}" if query else "")
    return str(tool.request["method"]), address, headers, content


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json_bodies.dumps(value).decode()
