"""The OpenAPI 3.1 schema at /api/schema, and the page at /api/docs to read and try the API."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularJSONAPIView

from providers.relay.operations import DEPLOYMENTS
from webui.branding import current


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
    """Drop twins of paths: those with another last slash, Azure's, and OpenAI's below Ollama's address.

    A hook of drf-spectacular, named in the settings, which also loads the classes above.
    """
    twins = (f"{DEPLOYMENTS}/", "/openai/v1/", "/ollama/v1/")
    keys = set()
    described = []
    for path, path_regex, method, callback in endpoints:
        key = (path.rstrip("/"), method)
        if key not in keys and not path.startswith(twins):
            described.append((path, path_regex, method, callback))
        keys.add(key)
    return described


def anything_may_be_null(result: Any, generator: Any, request: Any, public: Any) -> Any:
    """Correct nullable JSON, described as "one of anything and null", of which null matches both. A hook."""
    for component in result.get("components", {}).get("schemas", {}).values():
        for member in component.get("properties", {}).values():
            if member.get("oneOf") == [{}, {"type": "null"}]:
                del member["oneOf"]
    return result


def titled(result: Any, generator: Any, request: Any, public: Any) -> Any:
    """Name the API after the site, in a request for the schema. A hook."""
    if request is not None:
        result["info"]["title"] = current.site().name
    return result


schema = SpectacularJSONAPIView.as_view()


@login_required
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "docs.html")
