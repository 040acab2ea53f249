"""The base of settings with one row: the list redirects to it, and it cannot be added or deleted."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from providers.admin.history import HistoryAdmin


class SingletonAdmin(HistoryAdmin):
    """Base of these lists. The model has `load()`, which returns the row."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", self.model.load().pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
