"""The settings of chats: one row."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from chat.search_engines import ENGINES, SEARXNG
from providers.fields import EncryptedTextField
from providers.secrets.rows import SecretRow
from providers.versioning import SettingsRow

MAX_ATTACHED = 2_000_000  # characters of attached documents that an administrator may allow


def search_engine_choices() -> list[tuple[str, Any]]:
    return [(engine.name, engine.label) for engine in ENGINES.values()]


class ChatSettings(SettingsRow, SecretRow):
    """The settings of chats: the features that administrators switch on, and limits."""

    titles = models.BooleanField(_("the task model names chats"), default=True)
    follow_ups = models.BooleanField(_("suggest what to ask next"), default=True)
    summaries = models.BooleanField(_("summarise long chats by themselves"), default=True)
    tools = models.BooleanField(_("models may use tools"), default=True)
    sharing = models.BooleanField(_("people may share chats"), default=True)
    public_links = models.BooleanField(_("shared chats may be for everybody"), default=False)
    temporary_chats = models.BooleanField(_("people may have temporary chats"), default=True)
    assistants = models.BooleanField(_("people may make assistants"), default=True)
    prompts = models.BooleanField(_("people may save prompts"), default=True)
    # Whoever has the permission of the same name may in any case.
    share_with_groups = models.BooleanField(_("everybody may share them with their own groups"), default=True)
    share_with_all = models.BooleanField(_("everybody may share them with all"), default=False)
    memory = models.BooleanField(_("people may keep memories"), default=False)
    web_search = models.BooleanField(_("people may search the web"), default=False)
    web_search_engine = models.CharField(
        _("search"), max_length=20, choices=search_engine_choices, default=SEARXNG.name
    )
    web_search_url = models.CharField(_("address of the search"), max_length=500, blank=True)
    web_search_key = EncryptedTextField(_("key of the search"), blank=True)
    web_search_results = models.PositiveIntegerField(
        _("results per search"), default=5, validators=[MinValueValidator(1), MaxValueValidator(20)]
    )
    web_search_id = models.CharField(_("id of the search engine"), max_length=100, blank=True)
    web_search_pages = models.PositiveIntegerField(
        _("pages that are read"), default=0, validators=[MaxValueValidator(10)]
    )
    web_search_characters = models.PositiveIntegerField(
        _("characters of these pages"),
        default=20_000,
        validators=[MinValueValidator(1_000), MaxValueValidator(200_000)],
    )
    # Characters of attached documents that are sent with one question.
    attachment_budget = models.PositiveIntegerField(
        _("characters of attached documents"),
        default=60_000,
        validators=[MinValueValidator(1_000), MaxValueValidator(MAX_ATTACHED)],
    )
    embedding_model = models.CharField(_("embedding model for documents"), max_length=255, blank=True)

    # Without the key: the history page shows old values.
    history = HistoricalRecords(excluded_fields=["web_search_key"])

    audited = ("web_search_url", "web_search_engine")
    address_columns = ("web_search_url", "web_search_engine")

    class Meta:
        verbose_name = verbose_name_plural = _("chat settings")

    def origins(self) -> tuple[str, ...]:
        from providers.http.policy import origin  # late: it brings the HTTP libraries, which most commands never need

        engine = ENGINES.get(self.web_search_engine, SEARXNG)
        return (origin(self.web_search_url or engine.address),)
