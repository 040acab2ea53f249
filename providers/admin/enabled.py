"""The actions *Switch on* and *Switch off* of lists whose rows have `enabled`."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy


class EnabledActions:
    """Mixin of these lists; `set_enabled` writes the rows and reports to the person."""

    @admin.action(description=gettext_lazy("Switch on"), permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self.set_enabled(request, queryset, on=True)

    @admin.action(description=gettext_lazy("Switch off"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self.set_enabled(request, queryset, on=False)

    def set_enabled(self, request: HttpRequest, queryset: QuerySet[Any], *, on: bool) -> None:
        raise NotImplementedError
