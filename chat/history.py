"""The conversation up to a message, and its form for a model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from chat import tree
from chat.models import Message, ModelInput, Summary
from chat.models.inputs import TOOLS

CONTEXTS = "_contexts"  # member of a stored question: (handler, text) of what was added to it
SUMMARISED = (
    "This conversation began earlier. What was said up to here is summarised. The messages themselves are not sent any "
    "more."
)
MOST_REPLAYED = 400_000  # characters of tool calls and results of earlier turns

Inputs = Mapping[UUID, Sequence[ModelInput]]


def branch_above(message: Message) -> list[Message]:
    """The messages from the root down to this one's parent. Two queries; texts of other branches are not loaded."""
    outline = tree.outline(message.chat_id)
    ids = [row.pk for row in tree.branch_to(outline, message.parent_id)]
    rows = Message.objects.in_bulk(ids)
    return [rows[pk] for pk in ids if pk in rows]


def inputs_of(branch: Sequence[Message]) -> Inputs:
    """What models read for the answers of a branch besides it. One query.

    Of calls and results the newest that have room in `MOST_REPLAYED`; an answer has all of its own, or none.
    """
    rows: dict[UUID, list[ModelInput]] = {}
    for row in ModelInput.objects.filter(answer_id__in=[message.pk for message in branch]):
        rows.setdefault(row.answer_id, []).append(row)
    room = MOST_REPLAYED
    for message in reversed(branch):
        mine = rows.get(message.pk, [])
        size = sum(len(str(row.content)) for row in mine if row.source == TOOLS)
        room -= size
        if size and room < 0:
            rows[message.pk] = [row for row in mine if row.source != TOOLS]
    return rows


def summary_of(chat_id: UUID, branch: Sequence[tree.Row]) -> Summary | None:
    """The summary of a chat's branch that covers most of it; None where there is none. One query."""
    numbers = {message.pk: number for number, message in enumerate(branch)}
    if not numbers:
        return None
    rows = Summary.objects.filter(chat_id=chat_id, status=Summary.SummaryStatus.DONE)
    fitting = [row for row in rows if numbers.get(row.upto_id, len(numbers)) < len(numbers) - 1]
    return max(fitting, key=lambda row: (numbers[row.upto_id], row.created), default=None)


def after(branch: Sequence[Message], summary: Summary) -> list[Message]:
    """What the summary of a branch does not cover, behind a question that tells the summary."""
    start = next(number for number, message in enumerate(branch) if message.pk == summary.upto_id) + 1
    words = f"{SUMMARISED}\n\n<summary>\n{summary.text}\n</summary>"
    return [Message(role=Message.Role.USER, content=words), *branch[start:]]


def as_openai(branch: Iterable[Message], inputs: Inputs | None = None) -> list[dict[str, Any]]:
    """The branch as OpenAI messages, ending with the question; attached files are `files` of their message.

    Empty answers (failed, stopped at once) are left out; the questions around one become one message, because many
    models refuse two messages of one role in a row. Reasoning is not sent back. Pictures of an answer are added to the
    person's next message, marked as `shown`: no API takes pictures of an assistant. What models read besides
    (`inputs`) stands where it stood: contexts as `CONTEXTS` of their question, calls and results before the answer.
    """
    messages: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for message in branch:
        files: list[dict[str, Any]] = []
        content = message.content
        if message.role == Message.Role.USER:
            files, shown = [*shown, *message.files], []
        elif message.role == Message.Role.ASSISTANT:
            shown += [{**file, "shown": True} for file in message.files if file.get("type") == "image"]
            content = _add_inputs(messages, message, (inputs or {}).get(message.pk, ()))
        if content.strip() or files:
            _append(messages, str(message.role), content, files)
    return messages


def _add_inputs(messages: list[dict[str, Any]], answer: Message, inputs: Iterable[ModelInput]) -> str:
    """Add what the model read for an answer; returns the rest of the answer's text."""
    rest = answer.content
    for row in inputs:
        if row.source == TOOLS:
            for call in row.content if isinstance(row.content, list) else ():
                spoken, rest = _spoken_before(call, rest)
                messages.append({**call, "content": spoken} if call.get("role") == "assistant" else call)
        elif answer.content.strip() and messages and messages[-1]["role"] == "user":
            messages[-1].setdefault(CONTEXTS, []).append((row.source, str(row.content)))
    return rest


def _spoken_before(call: Mapping[str, Any], text: str) -> tuple[str | None, str]:
    """Divide an answer's text behind what it said with these calls. An edited text may not have that any more."""
    words = call.get("content")
    at = text.find(words) if isinstance(words, str) and words else -1
    if call.get("role") != "assistant" or at < 0:
        return None, text
    end = at + len(str(words))
    return text[:end] if text[:at].strip() else str(words), text[end:].lstrip()


def without_calls(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages for a model that takes no tools: without calls and results; what was said with them stays."""
    remaining: list[dict[str, Any]] = []
    for message in messages:
        if message.get("role") in ("tool", "function"):
            continue
        plain = {name: value for name, value in message.items() if name in ("role", "content", "files", CONTEXTS)}
        was_call = len(plain) < len(message)
        if was_call and not message.get("content"):
            continue
        last = remaining[-1] if remaining else {}
        if message.get("role") == "assistant" and last.get("role") == "assistant":
            last["content"] = f"{text_of(last['content'])}\n\n{text_of(message.get('content'))}"
        else:
            remaining.append(plain if was_call else message)
    return remaining


def _append(messages: list[dict[str, Any]], role: str, content: str, files: list[dict[str, Any]]) -> None:
    last = messages[-1] if messages else {}
    if last.get("role") != role or role == Message.Role.SYSTEM or last.get("tool_calls"):
        messages.append({"role": role, "content": content} | ({"files": files} if files else {}))
        return
    last["content"] = "\n\n".join(text for text in (last["content"], content) if text.strip())
    if files:
        last["files"] = [*last.get("files", ()), *files]


def text_of(content: Any) -> str:
    """The text of an OpenAI message's `content`, which is a string, a list of parts or nothing."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def last_question(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of the last message of the user's, in OpenAI messages; empty when there is none."""
    asked = (message.get("content") for message in reversed(messages) if message.get("role") == "user")
    return text_of(next(asked, None))
