"""The gateway's addresses. Those of the operations come from the table of operations.

OpenAI's clients are given `base_url=…/v1`, Azure's `azure_endpoint=…` or `base_url=…/openai/v1`, Ollama's `…/ollama`;
this site's own pages call `/openai`. With `azure_endpoint` the address names the model, and what the body says does not
count.
"""

import re
from collections.abc import Iterator

from django.urls import URLPattern, include, path, re_path

from providers.relay import views
from providers.relay.operations import DEPLOYMENTS, OPERATIONS, RESPONSES, Operation
from providers.relay.usage.receipts import Receipt


def routes_of(operation: Operation) -> Iterator[URLPattern]:
    view = views.view_of(operation).as_view()
    for url in operation.paths:
        yield path(url.removeprefix("/"), view)
    if operation.has_deployments:
        yield re_path(f"^{DEPLOYMENTS.removeprefix('/')}/(?P<model>.+)/{re.escape(operation.path)}$", view)


def routes_of_made() -> Iterator[URLPattern]:
    """Those of the operations on a response, below the paths at which responses are made."""
    for behind, view in views.made_views().items():
        for url in RESPONSES.paths:
            yield path(f"{url.removeprefix('/')}/<str:response_id>{behind}", view.as_view())


urlpatterns = [
    *(route for operation in OPERATIONS.values() for route in routes_of(operation)),
    *routes_of_made(),
    path("v1", views.ApiRoot.as_view()),
    path("v1/models", views.Models.as_view()),
    path("v1/models/<path:model_id>", views.Model.as_view()),
    path("openai/models", views.Models.as_view()),
    path("openai/v1/models", views.Models.as_view()),
    path("openai/v1/models/<path:model_id>", views.Model.as_view()),
    path("ollama/v1", views.ApiRoot.as_view()),
    path("ollama/v1/models", views.Models.as_view()),
    path("ollama/v1/models/<path:model_id>", views.Model.as_view()),
    path("api/v1/receipts/<str:request_id>", Receipt.as_view(), name="receipt"),
    path("api/models", views.SiteModels.as_view()),
    path("api/v1/usage", views.Usage.as_view(), name="usage"),
    path("", include("providers.ollama.urls")),
    path("", include("providers.config.urls")),
]
