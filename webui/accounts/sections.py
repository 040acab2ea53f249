"""The sections of the settings pages, and the words by which their search finds them."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from chat import chat_settings


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set or read: its place on the page of its section, and other words for it."""

    label: Any
    anchor: str
    words: Any = ""


@dataclass(frozen=True, slots=True)
class Section:
    """`url_name` is the name of its page's URL, `switch` one of `chat.chat_settings` that has to be on."""

    name: str
    url_name: str
    label: Any
    icon: str
    settings: tuple[Setting, ...]
    switch: str = ""

    def url(self) -> str:
        return reverse(self.url_name)


SECTIONS = (
    Section(
        "profile",
        "settings",
        _("Profile"),
        "user",
        (
            Setting(_("Name"), "id_name"),
            Setting(_("Language"), "id_language", _("English, Chinese, translation")),
            Setting(_("Appearance"), "id_theme_0", _("theme, dark, light, colours")),
            Setting(_("Voice that reads aloud"), "id_voice", _("speech, sound, nova, alloy")),
            Setting(_("Who writes down what you say"), "id_listening", _("microphone, dictation, speech")),
            Setting(_("Sign out"), "this-browser", _("log out, end the session")),
        ),
    ),
    Section(
        "password",
        "account_change_password",
        _("Password"),
        "key-round",
        (Setting(_("Change the password"), "content", _("sign in, security")),),
    ),
    Section(
        "assistants",
        "settings_assistants",
        _("Assistants"),
        "bot",
        (Setting(_("Your assistants"), "own-assistants", _("models, presets, system prompt, share")),),
        switch="assistants",
    ),
    Section(
        "prompts",
        "settings_prompts",
        _("Prompts"),
        "library",
        (Setting(_("Your prompts"), "own-prompts", _("texts, templates, library, share")),),
        switch="prompts",
    ),
    Section(
        "memories",
        "settings_memories",
        _("Memories"),
        "brain",
        (
            Setting(_("What is remembered"), "remembered", _("facts, forget, privacy")),
            Setting(_("Pause memories"), "remembered", _("switch off")),
        ),
        switch="memory",
    ),
    Section(
        "tools",
        "settings_tools",
        _("Tools"),
        "plug",
        (Setting(_("Tool servers"), "tool-servers", _("MCP, connect, disconnect, grant")),),
        switch="tools",
    ),
    Section(
        "links",
        "settings_links",
        _("Links"),
        "share-2",
        (Setting(_("Links to your chats"), "your-links", _("share, public, stop sharing, end")),),
        switch="sharing",
    ),
    Section(
        "data",
        "settings_data",
        _("Your data"),
        "archive",
        (
            Setting(_("Bring chats in"), "import-chats", _("import, ChatGPT, Open WebUI, LibreChat")),
            Setting(_("Take everything along"), "export-everything", _("export, download, ZIP, backup")),
            Setting(_("Delete what you have here"), "delete-everything", _("erase, remove, privacy")),
        ),
    ),
    Section(
        "notices",
        "settings_notices",
        _("Notifications"),
        "bell",
        (
            Setting(_("Tell me when something is ready"), "this-device", _("push, system notification, sound")),
            Setting(_("What a notification shows"), "notice-text", _("privacy, title, text")),
            Setting(_("Your devices"), "devices", _("browsers, phone, remove")),
        ),
    ),
    Section(
        "keys",
        "settings_keys",
        _("API keys"),
        "code",
        (
            Setting(_("Make a key"), "id_name", _("token, program, OpenAI")),
            Setting(_("Your keys"), "your-keys", _("revoke, delete, run out")),
            Setting(_("Base URL"), "use-a-key", _("address, endpoint, client")),
        ),
    ),
    Section(
        "usage",
        "settings_usage",
        _("Usage"),
        "info",
        (Setting(_("Your usage"), "content", _("tokens, cost, calls, statistics")),),
    ),
)


def shown() -> list[Section]:
    """The sections that the site offers."""
    offered = chat_settings.current_blocking()
    return [section for section in SECTIONS if not section.switch or getattr(offered, section.switch)]


def matching(request: HttpRequest) -> list[tuple[Section, Setting, bool]]:
    """Every setting with its section, and whether it matches the words of `?q=`. Without words all match."""
    words = request.GET.get("q", "").lower().split()[:10]
    entries = []
    for section in shown():
        for setting in section.settings:
            text = f"{section.label} {setting.label} {setting.words}".lower()
            entries.append((section, setting, all(word in text for word in words)))
    return entries
