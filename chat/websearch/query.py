"""The query of a web search: written by the task model; should that fail, the person's own words."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from chat import tasks
from chat.answers import json_in_text
from chat.history import last_question, text_of
from chat.websearch.endpoint import MAX_QUERY
from providers import catalogue
from providers.errors import GatewayError
from providers.facts import Caller

SECONDS = 20.0  # short: the person waits for the query
SHOWN = 6  # messages, the newest
EXCERPT = 1500  # characters of each

PROMPT = """Write what one should type into a web search to be able to answer the last message of this conversation. \
Today is {date}.

Name what "it", "there" and the like stand for, choose the language in which good pages about this are written, and \
leave out what a search does not need. Do not answer the message.

Answer with one JSON object and nothing else: {{"query": "…"}}

<conversation>
{conversation}
</conversation>"""

logger = logging.getLogger(__name__)


async def query_for(caller: Caller, model: str, messages: Sequence[Mapping[str, Any]]) -> str:
    """The query; empty when the person's last message has no text."""
    own = " ".join(last_question(messages).split())[:MAX_QUERY]
    if not own:
        return ""
    try:
        route = tasks.task_route(await catalogue.snapshot(), caller, model)
        if route.is_demo:
            return own  # the demo answers from a script
        async with asyncio.timeout(SECONDS):
            answer = await tasks.ask_in_json(caller, model, [{"role": "user", "content": _prompt(messages)}])
    except (GatewayError, TimeoutError) as error:
        logger.info(
            "No query from the task model, the person's own words are used: %s", getattr(error, "code", "timeout")
        )
        return own
    query = json_in_text.member(answer, "query")
    return (" ".join(query.split())[:MAX_QUERY] if isinstance(query, str) else "") or own


def _prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    spoken = [message for message in messages if message.get("role") in ("user", "assistant")][-SHOWN:]
    lines = (f"{message['role']}: {text_of(message.get('content'))[:EXCERPT]}" for message in spoken)
    return PROMPT.format(date=timezone.localdate().isoformat(), conversation="\n\n".join(lines))
