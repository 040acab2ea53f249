"""The admin site: Unfold's, behind our own sign-in page, without the tables that only django-allauth reads."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite

from imagegen.config import seeding as image_seeding
from providers import services as provider_services

# Rows of these show stored provider tokens, or repeat what a person's own page says.
HIDDEN_APPS = {"account", "socialaccount"}


class SiteAdmin(UnfoldAdminSite):  # type: ignore[misc]
    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        super().register([m for m in models if m._meta.app_label not in HIDDEN_APPS], admin_class, **options)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The site's own sign-in page. Whoever is signed in and still comes here may not enter: 403, not a circle."""
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied
        wanted = request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index")
        return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({REDIRECT_FIELD_NAME: wanted})}")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        from django.contrib.auth import logout

        if request.method == "POST":
            logout(request)
            return redirect("account_login")
        return redirect("account_logout")

    def extra_urls(self) -> list[Any]:
        """Unfold's hook for pages of our own."""
        return [path("remove-demo/", self.admin_view(self.remove_demo), name="remove_demo")]

    def remove_demo(self, request: HttpRequest) -> HttpResponse:
        """Remove the demo connection, its model and the placeholder engine."""
        if request.method != "POST":
            return redirect("admin:index")
        if not request.user.has_perms(("providers.delete_connection", "imagegen.delete_imageengine")):
            raise PermissionDenied
        provider_services.remove_demo()
        image_seeding.remove_demo()
        messages.success(request, _("The demo is gone."))
        return redirect("admin:index")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("account_change_password")
