"""The form of a tool server, with a write-only key."""

import hashlib
import shlex
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from chat.models import ToolServer
from chat.tool_kinds import KINDS
from providers.addresses import without_credentials
from providers.admin.key_form import ServerForm, check_access
from providers.http.policy import origin


class ToolServerForm(ServerForm):
    key_label = gettext_lazy("Key")
    key_help = gettext_lazy(
        "Sent as “Authorization: Bearer …”, or with a grant as the client's secret. Kept encrypted and never shown "
        "again."
    )

    class Meta:
        model = ToolServer
        fields = (
            "name", "kind", "url", "command", "auth", "client_id", "enabled", "position", "seconds", "new_tools",
            "headers", "verify_tls", "ca_file", "access", "groups",
        )  # fmt: skip
        widgets = {  # noqa: RUF012  Django's own way to say it
            "url": UnfoldAdminTextInputWidget(attrs={"spellcheck": "false", "inputmode": "url"}),
            "command": UnfoldAdminTextInputWidget(attrs={"spellcheck": "false"}),
        }
        help_texts = {  # noqa: RUF012
            "name": gettext_lazy("Shown to people with each call, and the beginning of the tools' names for models."),
            "url": gettext_lazy(
                "MCP: the address for streamable HTTP, such as https://mcp.example.com/mcp. OpenAPI: the address of "
                "the description in JSON, such as http://tools:8000/openapi.json."
            ),
            "command": gettext_lazy(
                "A program on this machine with its arguments, which is started for each call. The headers below are "
                "its environment. Needs ENABLE_TOOL_PROGRAMS."
            ),
            "auth": gettext_lazy("With grants, people connect by themselves in their settings."),
            "client_id": gettext_lazy("Empty: this site registers by itself."),
            "new_tools": gettext_lazy("For tools that have no rule of their own on the page “Tools”."),
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        check_access(self, "groups")
        kind = KINDS.get(data.get("kind", "") or self.instance.kind)
        if kind is None:
            return data
        if kind.has_address and "url" in data:
            data["url"], data["command"] = data["url"].strip(), ""
            self._check_address(data["url"])
        elif not kind.has_address and "command" in data:
            data["url"] = ""
            self._check_command(data["command"])
        if data.get("auth") == ToolServer.Auth.GRANT and not kind.has_grants:
            self.add_error("auth", _("Servers of this kind know no grants. Choose the key, or nothing."))
        return data

    def _check_address(self, url: str) -> None:
        if not origin(url) or any(char.isspace() for char in url):
            self.add_error("url", _("This must be an address that begins with http:// or https://."))
        elif without_credentials(url)[1]:
            self.add_error("url", _("Enter the key in its own field, not in the address."))

    def _check_command(self, command: str) -> None:
        if not settings.ENABLE_TOOL_PROGRAMS:
            self.add_error("command", _("This site does not start programs. Set ENABLE_TOOL_PROGRAMS to allow it."))
            return
        try:
            words = shlex.split(command)
        except ValueError as error:
            self.add_error("command", ValidationError(str(error)))
            return
        if not words:
            self.add_error("command", _("Enter the program and its arguments."))


class UsesForm(forms.Form):
    """How models may call each tool of a server; empty: as its other tools.

    The list may have changed since the page was opened, so a field is named for its tool, not for its place.
    """

    def __init__(self, row: ToolServer, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row = row
        standard = _("As usual here: %(use)s") % {"use": row.get_new_tools_display()}
        for stored in row.listed:
            self.fields[_field_of(stored["name"])] = forms.ChoiceField(
                label=stored["title"],
                choices=[("", standard), *ToolServer.Use.choices],
                initial=row.uses.get(stored["name"], ""),
                required=False,
            )

    def uses(self) -> dict[str, str]:
        """The rules by tool: those that were chosen, and the former ones of tools that the page did not show."""
        listed = {stored["name"]: _field_of(stored["name"]) for stored in self.row.listed}
        chosen = {name: self.cleaned_data[field] for name, field in listed.items() if field in self.data}
        return {name: use for name, use in {**self.row.uses, **chosen}.items() if use}


def _field_of(tool: str) -> str:
    """The name of a tool's field; tools have names of any characters."""
    return f"use_{hashlib.sha256(tool.encode()).hexdigest()[:32]}"
