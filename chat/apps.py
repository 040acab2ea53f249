from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = _("Conversations")

    def ready(self) -> None:
        # Models exist from here on. The first two connect their receivers.
        import chat.files.signals
        import chat.signals  # noqa: F401
        from chat.models import ChatSettings
        from providers.signals import count_changes_of

        count_changes_of(ChatSettings)
