"""The handler: filters see the messages as the model will read them, and the answer when it is complete."""

from typing import Any

from chat.history import text_of
from chat.pipeline.base import Handler
from chat.pipeline.turn import Turn
from providers import catalogue, pipelines
from providers.facts import FilterFacts

OURS = ("chat_id", "session_id", "id", "metadata", "user")  # members that filters are told and no model needs


class FilterHandler(Handler):
    name = "filters"

    async def handle(self, turn: Turn) -> None:
        """The messages are not complete yet: `before_model` is later."""

    async def before_model(self, turn: Turn) -> None:
        turn.is_filtered = True
        filters = await _filters(turn)
        if not filters:
            return
        facts = {**turn.payload, **_facts(turn)}
        body = await pipelines.inlet(filters, facts, turn.caller)
        turn.payload = {name: value for name, value in body.items() if name not in OURS or name in turn.payload}

    async def after_answer(self, turn: Turn, text: str) -> str:
        filters = await _filters(turn)
        if not filters:
            return text
        answer = {"id": turn.message_id, "role": "assistant", "content": text}
        body = {"model": turn.payload["model"], "messages": [*turn.messages, answer], **_facts(turn)}
        returned = await pipelines.outlet(filters, body, turn.caller)
        last = returned["messages"][-1] if returned["messages"] else None
        changed = text_of(last.get("content")) if isinstance(last, dict) and last.get("role") == "assistant" else ""
        return changed or text


def _facts(turn: Turn) -> dict[str, Any]:
    ids = {"chat_id": turn.chat_id, "session_id": turn.session_id}
    return {**ids, "id": turn.message_id, "metadata": {**ids, "message_id": turn.message_id}}


async def _filters(turn: Turn) -> tuple[FilterFacts, ...]:
    snapshot = await catalogue.snapshot()
    if not snapshot.filters:
        return ()
    return pipelines.filters_for(snapshot, snapshot.route_for(turn.caller, str(turn.payload["model"])))
