"""The chat settings: one row, so the list leads straight to it; and a page that tests the web search."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from chat import chat_settings, first_rows
from chat.admin.forms import ChatSettingsForm
from chat.models import ChatSettings
from chat.websearch import endpoint
from providers.admin.singleton import SingletonAdmin
from providers.errors import GatewayError
from providers.process import waiting


@admin.register(ChatSettings)
class ChatSettingsAdmin(SingletonAdmin):
    form = ChatSettingsForm
    actions_detail = ("try_search",)
    warn_unsaved_form = True

    def variables_of(self, row: ChatSettings) -> dict[str, str]:
        return first_rows.variables_of(row)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        key_fields = ["new_key", "remove_key"] if obj is not None and obj.web_search_key else ["new_key"]
        fieldsets = (
            (gettext_lazy("After an answer"), {"fields": ["titles", "follow_ups", "summaries"]}),
            (gettext_lazy("What people may do"), {"fields": ["sharing", "public_links", "temporary_chats", "memory"]}),
            (
                gettext_lazy("Assistants and saved prompts"),
                {"fields": ["assistants", "prompts", "share_with_groups", "share_with_all"]},
            ),
            (gettext_lazy("What models are given"), {"fields": ["tools", "attachment_budget", "embedding_model"]}),
            (
                gettext_lazy("Web search"),
                {
                    "fields": [
                        *("web_search", "web_search_engine", "web_search_url", *key_fields, "web_search_id"),
                        *("web_search_results", "web_search_pages", "web_search_characters"),
                    ]
                },
            ),
        )
        return self.seen_by(request, obj, fieldsets)

    def get_urls(self) -> Any:
        own = path("search/", self.admin_site.admin_view(self.search_view), name="chat_chatsettings_search")
        return [own, *super().get_urls()]

    @action(description=gettext_lazy("Test the search"), permissions=["change"], icon="travel_explore", url_path="try")
    def try_search(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:chat_chatsettings_search")

    def search_view(self, request: HttpRequest) -> HttpResponse:
        """Search as a chat does, and show the results or the error; works while web search is switched off."""
        if not self.has_change_permission(request):
            return redirect("admin:index")
        query = request.POST.get("query", "").strip()
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Test the search"),
            "query": query,
            "opts": self.opts,
            "back": reverse("admin:chat_chatsettings_changelist"),
        }
        if request.method == "POST" and query:
            try:
                context["results"] = waiting.on_loop(endpoint.search)(query, chat_settings.current_blocking())
            except GatewayError as error:
                context["failure"] = error
        return TemplateResponse(request, "admin/chat/chatsettings/search.html", context)
