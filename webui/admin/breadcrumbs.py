"""The breadcrumbs of the administration, in the words of its sidebar."""

from typing import Any

from django.template import Library
from django.urls import Resolver404, resolve

from webui.admin import look

register = Library()


@register.filter
def as_in_sidebar(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Unfold's breadcrumbs, with the sidebar's group in place of the app: without a link, as it has no page."""
    if len(parts) < 2 or not parts[0].get("link"):
        return parts
    try:
        list_name = resolve(str(parts[1].get("link", ""))).url_name or ""
    except Resolver404:
        return parts
    title = look.group_title(list_name.removesuffix("_changelist"))
    return [{"title": title}, *parts[1:]]
