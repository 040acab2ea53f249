"""From what somebody said to what an engine draws best: the task model writes the prompt.
See docs/upstreams/compatibility.md, “Image prompts”.

Whatever goes wrong, the person's own words are drawn. Thinking is skipped, and of all the model says the last
balanced JSON object counts.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from chat import tasks
from chat.answers import json_in_text
from chat.tasks.templates import fill
from imagegen.picture_request import MAX_PROMPT
from providers import catalogue
from providers.errors import GatewayError
from providers.facts import Caller

logger = logging.getLogger(__name__)

# Ours; an administrator's template replaces it. The form of the answer is what `prompt_in` reads.
TEMPLATE = """You turn a wish from a conversation into a prompt for a text-to-image model.

Describe in one paragraph, in English, what the picture shows: subject, setting, composition, light, style, mood. Keep
everything the person asked for and add only what helps to paint it. Do not describe people or things nobody
mentioned, and do not answer the person.

Answer with one JSON object and nothing else: {"prompt": "…"}

The conversation:
<conversation>
{{MESSAGES:END:6}}
</conversation>

The wish: {{prompt}}"""


async def improve(
    caller: Caller, model: str, messages: Sequence[Mapping[str, Any]], wish: str, *, template: str = ""
) -> str:
    """The prompt that the task model made of the wish; the wish itself when that fails in any way."""
    snapshot = await catalogue.snapshot()
    try:
        route = tasks.task_route(snapshot, caller, model)
        if route.is_demo:
            return wish  # a script answers there, not a model
        told = prompt_for(caller, messages, wish, template=template)
        said = await tasks.ask_in_json(caller, model, [{"role": "user", "content": told}])
    except GatewayError as error:
        logger.info("The prompt was not improved: %s", error.code)
        return wish
    return prompt_in(said) or wish


def prompt_for(caller: Caller, messages: Sequence[Mapping[str, Any]], wish: str, *, template: str = "") -> str:
    """What the task model is told; an empty template means ours."""
    return fill(template or TEMPLATE, messages, wish, user_name=caller.name)


def prompt_in(said: str) -> str:
    """The `prompt` of the last balanced JSON object that has one; empty when there is none."""
    for found in json_in_text.objects(said):
        prompt = found.get("prompt")
        if isinstance(prompt, str) and prompt.strip():
            return prompt.strip()[:MAX_PROMPT]
    return ""
