"""The addresses of the site, by app."""

from django.contrib import admin
from django.urls import include, path

from webui.monitoring import health
from webui.schema import hooks

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("webui.accounts.urls")),
    path("", include("webui.branding.urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("api/schema", hooks.schema, name="schema"),
    path("api/docs", hooks.docs, name="docs"),
    path("", include("providers.urls")),
    path("", include("imagegen.urls")),
    path("", include("chat.urls")),
]

handler400 = "webui.errors.bad_request"
handler403 = "webui.errors.permission_denied"
handler404 = "webui.errors.page_not_found"
handler500 = "webui.errors.server_error"
