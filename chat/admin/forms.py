"""The form of the chat settings, with a write-only key."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from chat.models import ChatSettings
from chat.websearch.endpoint import safe_url
from providers.admin.key_form import StoredKeyForm


class ChatSettingsForm(StoredKeyForm):
    key_column = "web_search_key"
    key_label = gettext_lazy("Web search key")
    key_help = gettext_lazy("Sent as “Authorization: Bearer …”. Kept encrypted and never shown again.")

    class Meta:
        model = ChatSettings
        fields = (
            "titles", "follow_ups", "tools", "sharing", "temporary_chats", "memory", "web_search", "web_search_url",
            "web_search_results", "attachment_budget",
        )  # fmt: skip
        widgets = {  # noqa: RUF012  Django's own way to say it
            "web_search_url": UnfoldAdminTextInputWidget(attrs={"spellcheck": "false", "inputmode": "url"}),
        }
        help_texts = {  # noqa: RUF012
            "titles": gettext_lazy("Otherwise the title of a chat is the first words of its first message."),
            "follow_ups": gettext_lazy("Three short questions below an answer, written by the task model."),
            "tools": gettext_lazy(
                "Models that can call functions then draw pictures and save memories when asked to, where the person "
                "is allowed to."
            ),
            "sharing": gettext_lazy("By a link that works for everybody who is signed in."),
            "temporary_chats": gettext_lazy("Their messages are not stored."),
            "memory": gettext_lazy(
                "People note facts about themselves in their settings. The three that fit a message best are sent with "
                "it."
            ),
            "web_search": gettext_lazy("Adds a switch below the message box. Needs the address below."),
            "web_search_url": gettext_lazy(
                "A SearXNG server, such as http://searxng:8080, or any search that answers in JSON, with "
                "“&lt;query&gt;” in place of the search words: https://search.example.com/api?text=&lt;query&gt;."
            ),
            "web_search_results": gettext_lazy("From 1 to 20. The model gets the title, address and excerpt of each."),
            "attachment_budget": gettext_lazy("The text of longer documents is cut to the parts that fit."),
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
        if data.get("web_search") and "web_search_url" in data and not data["web_search_url"]:
            self.add_error("web_search_url", _("Web search needs an address."))
        return data
