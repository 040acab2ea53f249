"""Improved prompts: the task model turns the person's words into a prompt for an engine.
See docs/upstreams/compatibility.md, “Image prompts”.

On any error the person's own words are drawn. In the model's reply thinking is skipped, and the last balanced JSON
object counts.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from chat import tasks
from chat.answers import json_in_text
from chat.tasks.templates import fill
from imagegen.image_request import MAX_PROMPT
from providers import catalogue
from providers.errors import GatewayError
from providers.facts import Caller

logger = logging.getLogger(__name__)

# The built-in template, which an administrator's replaces. `prompt_in` reads the reply that it asks for.
TEMPLATE = """You turn a request from a conversation into a prompt for a text-to-image model.

Describe in one paragraph, in English, what the picture shows: subject, setting, composition, light, style, mood. Keep
everything the person asked for and add only what helps to paint it. Do not describe people or things nobody
mentioned, and do not answer the person.

Answer with one JSON object and nothing else: {"prompt": "…"}

The conversation:
<conversation>
{{MESSAGES:END:6}}
</conversation>

The request: {{prompt}}"""


async def improve(
    caller: Caller, model: str, messages: Sequence[Mapping[str, Any]], words: str, *, template: str = ""
) -> str:
    """The prompt that the task model makes of the person's words; the words themselves when that fails."""
    snapshot = await catalogue.snapshot()
    try:
        route = tasks.task_route(snapshot, caller, model)
        if route.is_demo:
            return words  # the demo model gives prepared replies
        content = prompt_for(caller, messages, words, template=template)
        reply = await tasks.ask_in_json(caller, model, [{"role": "user", "content": content}])
    except GatewayError as error:
        logger.info("The prompt was not improved: %s", error.code)
        return words
    return prompt_in(reply) or words


def prompt_for(caller: Caller, messages: Sequence[Mapping[str, Any]], words: str, *, template: str = "") -> str:
    """The message to the task model; an empty template means the built-in one."""
    return fill(template or TEMPLATE, messages, words, user_name=caller.name)


def prompt_in(reply: str) -> str:
    """The `prompt` of the last balanced JSON object that has one; empty when there is none."""
    for value in json_in_text.objects(reply):
        prompt = value.get("prompt")
        if isinstance(prompt, str) and prompt.strip():
            return prompt.strip()[:MAX_PROMPT]
    return ""
