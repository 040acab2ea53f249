"""Every route of the site, from the URL conf, with the methods and query parameters of its view."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
READ = re.compile(
    r"""(?:GET|query_params)(?:\.get(?:list)?\(|\[)"(\w+)"|"(\w+)" (?:not )?in request\.(?:GET|query_params)"""
)
PAGES = ("limit", "cursor")  # of every list
API = ("/api/", "/v1", "/openai/", "/temporary/messages")  # elsewhere are pages with forms


@dataclass(frozen=True)
class Route:
    template: str  # such as `/api/v1/chats/{chat_id}`
    methods: tuple[str, ...]
    queries: tuple[str, ...]

    @property
    def is_api(self) -> bool:
        return self.template.startswith(API) and self.template not in ("/api/docs", "/api/schema")

    @property
    def names(self) -> list[str]:
        """The parameters of the path."""
        return re.findall(r"{(\w+)}", self.template)

    def with_one(self, things: dict[str, Any], name: str, value: str) -> str:
        return self.template.format_map({**things, name: value})


def of_the_site() -> list[Route]:
    """The routes except those of the administration, which Django's own forms guard."""
    return [route for route in _walk(get_resolver(), "/") if not route.template.startswith("/admin/")]


def _walk(resolver: URLResolver, prefix: str) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        path = prefix + _template(str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from _walk(entry, path)
        elif isinstance(entry, URLPattern):
            view = getattr(entry.callback, "cls", None) or getattr(entry.callback, "view_class", None)
            methods = tuple(name for name in METHODS if hasattr(view, name.lower())) if view else ("GET", "POST")
            source = inspect.getsource(inspect.getmodule(view or inspect.unwrap(entry.callback)))
            read = {one or other for one, other in READ.findall(source)}
            yield Route(path, methods, (*sorted(read), *(PAGES if "ListPages" in source else ())))


def _template(pattern: str) -> str:
    """A pattern of Django's, of either kind, as a template."""
    pattern = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", pattern))
    return pattern.removeprefix("^").removesuffix("$").replace("\\", "")
