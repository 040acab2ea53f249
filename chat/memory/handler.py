"""The handler that adds facts near to the person's last message to the model's context."""

from chat import chat_settings, history, temporary
from chat.loop import in_thread
from chat.memory import services
from chat.pipeline.base import Handler
from chat.pipeline.turn import Turn
from providers.sentences import counted as ngettext


class MemoryHandler(Handler):
    """A handler without a chip: where memories are allowed, each person's own setting decides.

    A request may decide for itself, `"features": {"memory": true}` or `false`. In a temporary chat only `true` counts.
    """

    name = "memory"

    async def handle(self, turn: Turn) -> None:
        chosen = turn.features.get(self.name, False if temporary.is_temporary(turn.chat_id) else None)
        if (chosen is not None and not chosen) or not turn.caller.may("chats"):
            return
        if not (await chat_settings.current()).memory:
            return
        question = history.last_question(turn.messages)
        facts = await in_thread(services.recall, turn.caller.user_id, question, only_if_used=chosen is None)
        if not facts:
            return
        count = ngettext("Remembered %(n)s fact about you", "Remembered %(n)s facts about you", len(facts))
        await turn.emit("status", {"description": count % {"n": len(facts)}, "done": True})
        listed = "\n".join(f"- {fact.replace('<', '‹')}" for fact in facts)
        turn.add_context(
            f"The person you talk to has asked this site to remember this about them:\n{listed}\n"
            "Use it where it makes your answer fit them better. Do not recite it, and leave out what does not matter."
        )
