"""A call of a tool as the thread shows it: who is asked, its arguments, and the beginning of its result."""

import json
from collections.abc import Mapping
from typing import Any

from chat.events import CallData
from chat.tools.base import Tool

MAX_ARGUMENTS = 4000  # characters that are shown and stored
MAX_RESULT = 4000
MAX_REASON = 300  # characters of a failure in the status line itself


def of_call(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The member of a status line that tells of the call."""
    text = json.dumps(arguments, ensure_ascii=False, indent=2) if arguments else ""
    call = CallData(name=tool.name, title=tool.title, server=tool.origin, arguments=_cut(text, MAX_ARGUMENTS))
    return {"call": call}


def with_result(shown: Mapping[str, Any], result: str) -> dict[str, Any]:
    """The same with the result; nothing for a tool whose calls are not shown."""
    return {"call": {**shown["call"], "result": _cut(result.strip(), MAX_RESULT)}} if shown else {}


def reason(words: str) -> str:
    """The beginning of a tool's own words about its failure, on one line."""
    return _cut(" ".join(words.split()), MAX_REASON)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
