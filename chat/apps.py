from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = _("Conversations")

    def ready(self) -> None:
        # Models exist from here on. The first four connect their receivers.
        import chat.files.signals
        import chat.search.signals
        import chat.signals
        import chat.transfers.signals  # noqa: F401
        from chat.assistants import signals as of_assistants
        from chat.models import ChatSettings
        from chat.queued import signals as of_queued
        from providers.signals import count_changes_of

        count_changes_of(ChatSettings)
        of_assistants.connect()
        of_queued.connect()
