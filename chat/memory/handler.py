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

    name = services.SOURCE

    async def handle(self, turn: Turn) -> None:
        chosen = turn.features.get(self.name, False if temporary.is_temporary(turn.chat_id) else None)
        user_id = turn.caller.user_id
        is_told = turn.caller.may("chats") and (await chat_settings.current()).memory
        if is_told:
            is_told = bool(chosen) if chosen is not None else await in_thread(services.is_used, user_id)
        if not is_told:
            return turn.forget_contexts(self.name)
        question = history.last_question(turn.messages)
        facts = await in_thread(services.recall, user_id, question)
        if not facts:
            return None
        count = ngettext("Remembered %(n)s fact about you", "Remembered %(n)s facts about you", len(facts))
        await turn.emit("status", {"description": count % {"n": len(facts)}, "done": True})
        listed = "\n".join(f"- {fact.replace('<', '‹')}" for fact in facts)
        turn.add_context(
            f"The person you talk to has asked this site to remember this about them:\n{listed}\n"
            "Use it where it makes your answer fit them better. Do not recite it, and leave out what does not matter."
        )
        return None
