"""The site's name, accent and logo: one row, with a preview of what pages will look like."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminColorInputWidget, UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from providers.admin.singleton import SingletonAdmin
from providers.errors import GatewayError
from webui.branding import colours, current, first_rows, logos
from webui.models import SiteSettings


class SiteSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    new_logo = forms.FileField(
        label=_("Logo"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ",".join(logos.TYPES)}),
        help_text=_("PNG or WebP of at most 1 MB, best square and with a transparent background."),
    )
    remove_logo = forms.BooleanField(label=_("Remove the logo"), required=False)
    logo: bytes | GatewayError | None = None  # the result of `logos.checked` for the upload

    class Meta:
        model = SiteSettings
        fields = ("name", "accent")
        widgets = {  # noqa: RUF012
            "name": UnfoldAdminTextInputWidget(),
            "accent": UnfoldAdminColorInputWidget(),
        }
        help_texts = {  # noqa: RUF012
            "name": _("In titles, beside the logo, on the sign-in page and in mails."),
            "accent": _("Of the main button, links and marks. Text on it is black or white, whichever reads better."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["name"] = self.initial.get("name") or current.default_name()
        self.initial["accent"] = self.initial.get("accent") or colours.DEFAULT_ACCENT

    def clean_accent(self) -> str:
        return colours.normal(str(self.cleaned_data["accent"]))

    def column_of(self, field: str) -> str:
        return "logo" if field in ("new_logo", "remove_logo") else field

    def clean_new_logo(self) -> Any:
        if isinstance(self.logo, GatewayError):
            raise forms.ValidationError(self.logo.message)
        return self.cleaned_data["new_logo"]

    def save(self, commit: bool = True) -> Any:
        if isinstance(self.logo, bytes):
            self.instance.logo = self.logo
        elif self.cleaned_data.get("remove_logo"):
            self.instance.logo = b""
        return super().save(commit)


@admin.register(SiteSettings)
class SiteSettingsAdmin(SingletonAdmin):
    form = SiteSettingsForm
    warn_unsaved_form = True
    change_form_after_template = "admin/webui/sitesettings/below_form.html"

    def variables_of(self, row: SiteSettings) -> dict[str, str]:
        return first_rows.variables_of(row)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        removal = ["remove_logo"] if obj is not None and obj.logo else []
        return ((None, {"fields": ["name", "accent", "new_logo", *removal]}),)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Check the upload before Django opens its transaction, because the check waits for a worker process."""
        upload = request.FILES.get("new_logo") if self.has_change_permission(request) else None
        if upload is not None:
            try:
                request.logo = logos.checked(upload.read(logos.MOST_BYTES + 1))  # type: ignore[attr-defined]
            except GatewayError as error:
                request.logo = error  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form_class = super().get_form(request, obj, change=change, **kwargs)
        return type(form_class.__name__, (form_class,), {"logo": getattr(request, "logo", None)})

    def get_urls(self) -> Any:
        preview = self.admin_site.admin_view(self.preview_view)
        return [path("preview/", preview, name="webui_sitesettings_preview"), *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """A preview of a page with `?name=` and `?accent=`, in light and dark; without them, with the saved values."""
        site = current.site()
        accent = request.GET.get("accent", "")
        if not colours.WRITTEN.fullmatch(accent):
            accent = site.accent or colours.DEFAULT_ACCENT
        themes = zip(("light", "dark"), colours.by_theme(accent), strict=True)
        context = {
            "name": request.GET.get("name", "").strip()[: SiteSettings.LONGEST_NAME] or site.name,
            "themes": [(theme, tokens.items()) for theme, tokens in themes],
            "SITE": site,
        }
        return render(request, "admin/webui/sitesettings/preview.html", context)
