"""The API's own description: OpenAPI 3.1 at /api/schema, and a page to read and try it at /api/docs."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularJSONAPIView

from providers.relay.operations import DEPLOYMENTS


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[misc]
    target_class = "providers.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "An API key of this site: `Bearer sk-…`"}


class BrowserScheme(OpenApiAuthenticationExtension):  # type: ignore[misc]
    target_class = "providers.authentication.BrowserAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "Signed in with a browser"}


def without_twins(endpoints: list[Any], **options: Any) -> list[Any]:
    """A hook of drf-spectacular (named in the settings, which also loads the classes above).

    A path that is served with and without its last slash is described once; Azure's names of paths are not described.
    """
    twins = (f"{DEPLOYMENTS}/", "/openai/v1/")
    seen = set()
    kept = []
    for path, path_regex, method, callback in endpoints:
        key = (path.rstrip("/"), method)
        if key not in seen and not path.startswith(twins):
            kept.append((path, path_regex, method, callback))
        seen.add(key)
    return kept


def anything_may_be_null(result: Any, generator: Any, request: Any, public: Any) -> Any:
    """A hook of drf-spectacular: JSON that may be null is told as "one of anything and null", which null never is."""
    for component in result.get("components", {}).get("schemas", {}).values():
        for described in component.get("properties", {}).values():
            if described.get("oneOf") == [{}, {"type": "null"}]:
                del described["oneOf"]
    return result


schema = SpectacularJSONAPIView.as_view()


@login_required
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "docs.html")
