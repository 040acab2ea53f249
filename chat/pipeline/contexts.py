"""Where the model reads what handlers add to a turn: behind the question, in a `<context>` of its own.

What a request begins with stays byte for byte the same from turn to turn, so that providers find it in their prompt
caches: the system prompt, then the conversation, each question with the contexts that were added for it, and at the end
what is new. Contexts of earlier turns are kept (`ModelInput`) and stand where they stood; excerpts of long documents
are not, since each question has its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from chat.history import CONTEXTS
from chat.pipeline.turn import Turn


def insert(turn: Turn) -> None:
    """Put the contexts of earlier turns and of this one behind their questions."""
    messages = turn.messages
    if turn.request.is_stored:
        messages = [_with_own(message) for message in messages]
    contexts = [text for _source, text in turn.contexts]
    last = max((index for index, message in enumerate(messages) if message.get("role") == "user"), default=None)
    if last is not None:
        messages = [*messages]
        more = [text for text in (turn.excerpts, turn.request.instruction) if text]
        messages[last] = _with(messages[last], contexts, more)
    elif contexts:
        messages = [_with({"role": "system"}, contexts), *messages]
    turn.payload["messages"] = messages


def _with_own(message: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in message.items() if name != CONTEXTS}
    return _with(plain, [text for _source, text in message.get(CONTEXTS, ())])


def _with(message: dict[str, Any], contexts: Sequence[str], more: Sequence[str] = ()) -> dict[str, Any]:
    texts = [*(_wrapped(text) for text in contexts), *more]
    if not texts:
        return message
    content = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [*content, *({"type": "text", "text": text} for text in texts)]}
    return {**message, "content": "\n\n".join(text for text in (content or "", *texts) if text)}


def _wrapped(text: str) -> str:
    return f"<context>{text}</context>"
