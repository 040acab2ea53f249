"""Prompt templates of tasks. Text that is filled in is not searched for placeholders again."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from chat.history import text_of

_PLACEHOLDER = re.compile(
    r"\{\{\s*(?:(?P<name>MESSAGES|prompt)(?::(?P<end>START|END|start|end):(?P<count>\d{1,4}))?"
    r"|(?P<fact>CURRENT_DATE|USER_NAME))\s*\}\}"
)


def fill(template: str, messages: Sequence[Mapping[str, Any]], prompt: str = "", *, user_name: str = "") -> str:
    """The template with `{{MESSAGES}}`, `{{prompt}}`, `{{CURRENT_DATE}}` and `{{USER_NAME}}` filled in.

    `{{MESSAGES:END:6}}` are the last six messages, `{{prompt:start:80}}` the first eighty characters of the prompt.
    Unknown placeholders stay as they are.
    """
    facts = {"CURRENT_DATE": timezone.localdate().isoformat(), "USER_NAME": user_name}

    def value(placeholder: re.Match[str]) -> str:
        if placeholder["fact"]:
            return facts[placeholder["fact"]]
        end, count = (placeholder["end"] or "").upper(), int(placeholder["count"] or 0)
        if placeholder["name"] == "prompt":
            return prompt[_part(end, count, len(prompt))]
        chosen = messages[_part(end, count, len(messages))]
        return "\n".join(f"{message.get('role', '')}: {text_of(message.get('content'))}" for message in chosen)

    return _PLACEHOLDER.sub(value, template)


def excerpts(messages: Sequence[Mapping[str, Any]], *, characters: int) -> list[dict[str, Any]]:
    """The messages' texts, each cut to its beginning."""
    return [
        {"role": message.get("role", ""), "content": text_of(message.get("content"))[:characters]}
        for message in messages
    ]


def _part(end: str, count: int, length: int) -> slice:
    if end == "START":
        return slice(0, count)
    return slice(max(0, length - count), length) if end else slice(0, length)
