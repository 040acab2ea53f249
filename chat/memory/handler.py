"""What a person wants remembered, told to the model where it comes near to what they say."""

from django.utils.translation import ngettext

from chat import history, switches, temporary
from chat.loop import in_thread
from chat.memory import services
from chat.pipeline.base import Handler
from chat.pipeline.turn import Turn


class MemoryHandler(Handler):
    """Without a chip: once the administrator allows memories, each person's own setting decides. A temporary chat knows
    nothing of them, unless it asks.

    A request may decide otherwise for itself: `"features": {"memory": true}`, or `false`.
    """

    name = "memory"

    async def handle(self, turn: Turn) -> None:
        wish = turn.features.get(self.name, False if temporary.is_temporary(turn.chat_id) else None)
        if (wish is not None and not wish) or not turn.caller.may("chats") or not (await switches.current()).memory:
            return
        question = history.last_question(turn.messages)
        facts = await in_thread(services.recall, turn.caller.user_id, question, only_if_used=wish is None)
        if not facts:
            return
        words = ngettext("Remembered %(n)s fact about you", "Remembered %(n)s facts about you", len(facts))
        await turn.emit("status", {"description": words % {"n": len(facts)}, "done": True})
        listed = "\n".join(f"- {fact.replace('<', '‹')}" for fact in facts)
        turn.add_context(
            f"The person you talk to has asked this site to remember this about them:\n{listed}\n"
            "Use it where it makes your answer fit them better. Do not recite it, and leave out what does not matter."
        )
