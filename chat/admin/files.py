"""The list of files: owner, type, size. Administrators may look at files and delete them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from chat.models import File
from providers.admin.base import AdminPages


@admin.register(File)
class FileAdmin(AdminPages, ModelAdmin):  # type: ignore[misc]
    tells_names = False
    list_display = ("name", "owner", "content_type", "shown_size", "created", "expires_at")
    list_filter = ("content_type", "created")
    list_filter_submit = True
    list_select_related = ("owner",)
    search_fields = ("=id", "name", "owner__email", "sha256")
    fieldsets = (
        (None, {"fields": ("look", "name", "owner", "content_type", "shown_size", "chat", "created", "expires_at")}),
        (_("How it was made"), {"fields": ("provenance",)}),
    )
    readonly_fields = ("look", "shown_size")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("size"), ordering="size")
    def shown_size(self, row: File) -> str:
        return str(filesizeformat(row.size))

    @display(description=_("content"))
    def look(self, row: File) -> str:
        if row.is_picture:
            return format_html('<a href="{0}"><img class="job-picture" src="{0}?w=256" alt=""></a>', row.url)
        return format_html('<a href="{}">{}</a>', row.url, row.name)
