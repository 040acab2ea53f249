"""The tool with which a model stores a fact when its person asks for that."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy

from chat import chat_settings, temporary
from chat.loop import in_thread
from chat.memory import services
from chat.pipeline import Turn
from chat.tools import Tool, object_schema
from providers.errors import Forbidden
from providers.facts import Caller
from providers.sentences import sentence as _


class Remember(Tool):
    name = "remember"
    description = (
        "Keeps one fact about the person you talk to, for their later conversations. Call it when they ask you to "
        "remember or note something about them, and only then; never with passwords or the like."
    )
    parameters: Mapping[str, Any] = object_schema(
        {
            "fact": {
                "type": "string",
                "description": "The fact as one sentence in the person's language and from their side, for example "
                '"I am allergic to nuts."',
            }
        },
        required=["fact"],
    )
    title = gettext_lazy("Remember facts about you")
    label = gettext_lazy("Remembering")
    done_label = gettext_lazy("Saved to your memories, under Settings")
    failed_label = gettext_lazy("This memory could not be saved")

    def may_use(self, caller: Caller) -> bool:
        """Whether memories are allowed and the person lets models know theirs."""
        return caller.may("chats") and chat_settings.current_blocking().memory and services.is_used(caller.user_id)

    async def run(self, turn: Turn, arguments: Mapping[str, Any]) -> str:
        if temporary.is_temporary(turn.chat_id):
            raise Forbidden(_("Nothing from a temporary chat is saved."), code="temporary_chat")
        fact = await in_thread(services.keep, turn.caller.user_id, str(arguments.get("fact") or ""))
        return f"Kept: {fact.text} The person can see, change and delete it under Settings, Memories."
