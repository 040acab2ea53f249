"""The site of the administration: Unfold's, with our sign-in page, without the models of django-allauth."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.contenttypes.views import shortcut
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from unfold.dataclasses import SearchResult
from unfold.sites import UnfoldAdminSite

from imagegen.config import first_rows as image_rows
from providers import services as provider_services
from webui import address

LONGEST_SEARCH = 100  # lists; there are fewer
# Their rows show tokens of single sign-on, or repeat a person's page.
HIDDEN_APPS = {"account", "socialaccount"}


class SiteAdmin(UnfoldAdminSite):  # type: ignore[misc]
    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        super().register([m for m in models if m._meta.app_label not in HIDDEN_APPS], admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        if request.user.is_active and request.user.is_superuser:
            address.remember(request)
        return bool(super().has_permission(request))

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Redirect to the site's sign-in page. Somebody who is signed in without permission gets a 403, not a loop."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        target = request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index")
        return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({REDIRECT_FIELD_NAME: target})}")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method == "POST":
            logout(request)
            return redirect("account_login")
        return redirect("account_logout")

    def extra_urls(self) -> list[Any]:
        """Pages of our own, by Unfold's hook."""
        on_site = path(
            "r/<path:content_type_id>/<path:object_id>/", self.admin_view(self.view_on_site), name="view_on_site"
        )
        return [path("remove-demo/", self.admin_view(self.remove_demo), name="remove_demo"), on_site]

    def view_on_site(self, request: HttpRequest, content_type_id: str, object_id: str) -> HttpResponse:
        """Redirect to the page of a row. Django's own view answers 500 where no row of that kind can have such an id.

        Raises:
            Http404: There is no such row.
        """
        try:
            return shortcut(request, content_type_id, object_id)
        except ValidationError as error:
            raise Http404 from error

    def search(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The lists whose names have a text in them. Unfold's own remembers what it found, for five minutes: in the
        language and with the rights of then.
        """
        term = request.GET.get("s", "").strip().lower()
        if not term:
            return HttpResponse()
        lists = [
            SearchResult(str(row["name"]), str(app["name"]), str(row["admin_url"]), "tag")
            for app in AdminSite.get_app_list(self, request)
            for row in app["models"]
            if term in f"{app['name']}\n{row['name']}".lower()
        ]
        page = Paginator(lists, LONGEST_SEARCH).get_page(1)
        template = "command" if "extended" in request.GET else "search"
        context = {"page_obj": page.paginator, "results": page, "page_counter": 0, "execution_time": 0.0}
        headers = {"HX-Trigger": "search"}
        return TemplateResponse(request, f"unfold/helpers/{template}_results.html", context, headers=headers)

    def remove_demo(self, request: HttpRequest) -> HttpResponse:
        """Delete the demo connection, its model and the placeholder engine."""
        if request.method != "POST":
            return redirect("admin:index")
        if not request.user.has_perms(("providers.delete_connection", "imagegen.delete_imageengine")):
            raise PermissionDenied
        provider_services.remove_demo()
        image_rows.remove_demo()
        messages.success(request, _("The demo was removed."))
        return redirect("admin:index")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("account_change_password")
