"""The form of the chat settings, with a write-only key."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from chat.models import ChatSettings
from chat.search_engines import ENGINES, SEARXNG
from chat.websearch.endpoint import safe_url
from providers.admin.key_form import StoredKeyForm


class ChatSettingsForm(StoredKeyForm):
    key_column = "web_search_key"
    key_label = gettext_lazy("Web search key")
    key_help = gettext_lazy("Sent as the search expects it. Kept encrypted and never shown again.")

    class Meta:
        model = ChatSettings
        fields = (
            "titles", "follow_ups", "summaries", "tools", "sharing", "public_links", "temporary_chats", "memory",
            "assistants", "prompts", "share_with_groups", "share_with_all", "web_search", "web_search_engine",
            "web_search_url", "web_search_id", "web_search_results", "web_search_pages", "web_search_characters",
            "attachment_budget", "embedding_model",
        )  # fmt: skip
        widgets = {  # noqa: RUF012  Django's own way to say it
            "web_search_url": UnfoldAdminTextInputWidget(attrs={"spellcheck": "false", "inputmode": "url"}),
        }
        help_texts = {  # noqa: RUF012
            "titles": gettext_lazy("Otherwise the title of a chat is the first words of its first message."),
            "follow_ups": gettext_lazy("Three short questions below an answer, written by the task model."),
            "summaries": gettext_lazy(
                "When a chat fills four fifths of what its model reads at once, the task model summarises its "
                "beginning. Otherwise people do so by a button."
            ),
            "tools": gettext_lazy(
                "Models that can call functions then draw pictures and save memories when asked to, where the person "
                "is allowed to."
            ),
            "sharing": gettext_lazy("By a link that works for everybody who is signed in."),
            "public_links": gettext_lazy(
                "Then people may make links that work without signing in, with an end if they like. Search engines are "
                "asked to leave them out."
            ),
            "temporary_chats": gettext_lazy("Their messages are not stored."),
            "assistants": gettext_lazy(
                "Models with a name, a system prompt and files of their own. They open no model to anybody: who calls "
                "one needs access to the model that it is made of, and its calls count as calls of that."
            ),
            "prompts": gettext_lazy("Texts with fields to fill in, called by a slash in the message box."),
            "share_with_groups": gettext_lazy(
                "Otherwise only those whose groups have the permission “Can share assistants and prompts with their "
                "own groups”."
            ),
            "share_with_all": gettext_lazy(
                "Otherwise only administrators, and those whose groups have the permission “Can share assistants and "
                "prompts with everybody”."
            ),
            "memory": gettext_lazy(
                "People note facts about themselves in their settings. The three that fit a message best are sent with "
                "it."
            ),
            "web_search": gettext_lazy("Adds a switch below the message box. Needs what the chosen search asks for."),
            "web_search_url": gettext_lazy(
                "A SearXNG server, such as http://searxng:8080, or any search that answers in JSON, with "
                "“&lt;query&gt;” in place of the search words: https://search.example.com/api?text=&lt;query&gt;."
            ),
            "web_search_id": gettext_lazy("Of Google’s Programmable Search: the engine’s id (cx)."),
            "web_search_pages": gettext_lazy(
                "The first results are opened and their text is given to the model. 0: only excerpts."
            ),
            "web_search_characters": gettext_lazy("The texts of all pages together are cut to these."),
            "web_search_results": gettext_lazy("From 1 to 20. The model gets the title, address and excerpt of each."),
            "attachment_budget": gettext_lazy(
                "Longer documents are searched: each question gets their beginning and the passages that fit it."
            ),
            "embedding_model": gettext_lazy(
                "For example “text-embedding-3-small”: then longer documents are searched by meaning as well as by "
                "words. Its calls count as those of the person who asks, who needs access to it. Empty: by words."
            ),
        }

    def clean_web_search_url(self) -> str:
        url = str(self.cleaned_data["web_search_url"]).strip()
        if url and not safe_url(url):
            raise forms.ValidationError(
                _("This must be an address that begins with http:// or https://, without a name and password.")
            )
        return url

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("web_search") and "web_search_url" in data:
            self._check_search(data)
        return data

    def _check_search(self, data: dict[str, Any]) -> None:
        engine = ENGINES.get(data.get("web_search_engine", ""), SEARXNG)
        if not (data["web_search_url"] or engine.address):
            self.add_error("web_search_url", _("Web search needs an address."))
        keeps_key = self.instance.web_search_key and not data.get("remove_key")
        if engine.needs_key and not (data.get("new_key") or keeps_key):
            self.add_error("new_key", _("This search needs a key."))
        if engine.id_param and not data.get("web_search_id"):
            self.add_error("web_search_id", _("This search needs the id of the search engine."))
