"""The look of the administration: names, colours, and the sidebar by task. Unfold calls these functions."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webui.branding import colours, current

RECORDS, TOTALS = "providers.UsageRecord", "admin:providers_usagerecord_totals"

# Title, then lists as (model label, icon of Material Symbols). Lists that are not registered, or that a person may not
# see, are left out; registered lists that are missing here follow under System.
GROUPS: list[tuple[Any, list[tuple[str, str]]]] = [
    (gettext_lazy("Connections"), [("providers.Connection", "hub"), ("providers.GatewaySettings", "tune")]),
    (
        gettext_lazy("Models and access"),
        [
            ("providers.ChatModel", "smart_toy"),
            ("providers.ModelSource", "alt_route"),
            ("providers.Price", "payments"),
            ("providers.ClientKey", "key"),
        ],
    ),
    (
        gettext_lazy("Pictures"),
        [
            ("imagegen.ImageEngine", "brush"),
            ("imagegen.ImageSettings", "tune"),
            ("imagegen.ImageJob", "photo_library"),
        ],
    ),
    (
        gettext_lazy("Conversations"),
        [
            ("chat.Chat", "forum"),
            ("chat.Message", "chat"),
            ("chat.File", "attach_file"),
            ("chat.Share", "share"),
            ("chat.Feedback", "thumbs_up_down"),
            ("chat.Comparison", "compare"),
            ("chat.Folder", "folder"),
            ("chat.Prompt", "library_books"),
            ("chat.Memory", "psychology"),
            ("chat.Transfer", "sync_alt"),
            ("chat.ToolServer", "construction"),
            ("chat.ChatSettings", "tune"),
        ],
    ),
    (
        gettext_lazy("People"),
        [
            ("webui.User", "person"),
            ("auth.Group", "group"),
            ("providers.RateLimit", "speed"),
            ("providers.Budget", "savings"),
        ],
    ),
    (
        gettext_lazy("System"),
        [("webui.SiteSettings", "palette"), (RECORDS, "monitoring")],
    ),
]


def site_name(request: HttpRequest) -> str:
    return current.site().name


def accent(request: HttpRequest) -> dict[str, str]:
    return colours.shades(current.site().accent or colours.DEFAULT_ACCENT)


def logo(request: HttpRequest) -> str:
    return current.site().logo_url or static("logo.svg")


def style(request: HttpRequest) -> str:
    return static("css/pages/admin.css")


def preview_style(request: HttpRequest) -> str:
    return static("css/pages/look_preview.css")


def script(request: HttpRequest) -> str:
    return static("js/pages/admin.js")


def theme(request: HttpRequest) -> str | None:
    """The theme that the person chose on the site; without one Unfold's own switch decides."""
    chosen = getattr(request.user, "preferences", {}).get("theme")
    return chosen if chosen in ("light", "dark") else None


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    return [
        {"title": _("My settings"), "link": reverse("settings")},
        {"title": _("Change password"), "link": reverse("account_change_password")},
    ]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    registered = {
        model._meta.label: admin.site.get_model_admin(model)
        for model in apps.get_models()
        if admin.site.is_registered(model)
    }
    named = {label for _title, entries in GROUPS for label, _icon in entries}
    groups: list[dict[str, Any]] = [
        {
            "items": [
                _item(_("Dashboard"), "dashboard", reverse("admin:index")),
                # Unfold marks a link as active when the page's address begins with it, which all do with "/".
                {**_item(_("Back to the chats"), "arrow_back", "/"), "active": lambda request: False},
            ]
        }
    ]
    for title, entries in GROUPS:
        items = [
            _list_item(registered[label], icon) for label, icon in entries if _visible(registered.get(label), request)
        ]
        if title == GROUPS[-1][0]:
            rest = sorted(set(registered) - named)
            items += [
                _list_item(registered[label], "table_rows") for label in rest if _visible(registered[label], request)
            ]
            if _visible(registered.get(RECORDS), request):
                items.append(_item(_("Usage totals"), "bar_chart", reverse(TOTALS)))
            items.append(_item(_("API"), "api", "/api/docs"))
        if items:
            groups.append({"title": str(title), "separator": True, "items": items})
    return groups


def group_title(name: str) -> str:
    """The sidebar's group of a list; `name` is its app and model, as in `providers_chatmodel`."""
    for title, entries in GROUPS:
        if any(label.lower().replace(".", "_") == name for label, _icon in entries):
            return str(title)
    return str(GROUPS[-1][0])


def _visible(model_admin: Any, request: HttpRequest) -> bool:
    return model_admin is not None and model_admin.has_view_or_change_permission(request)


def _list_item(model_admin: Any, icon: str) -> dict[str, Any]:
    meta = model_admin.model._meta
    link = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    name = str(meta.verbose_name_plural)
    item = _item(name[:1].upper() + name[1:], icon, link)
    if meta.label == RECORDS:  # whose address begins that of the totals
        item["active"] = lambda request: request.path.startswith(link) and not request.path.startswith(reverse(TOTALS))
    return item


def _item(title: str, icon: str, link: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": link}
