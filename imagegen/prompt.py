"""From what somebody said to what an engine draws best: the task model writes the prompt (R72, P24, P26).

Whatever goes wrong, the person's own words are drawn. Thinking is skipped, and of all the model says the last
balanced JSON object counts.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from chat import spoken_json, tasks
from chat.history import text_of
from imagegen.requests import MAX_PROMPT
from providers import catalogue
from providers.errors import GatewayError
from providers.facts import Caller

logger = logging.getLogger(__name__)

# Ours; an administrator's template replaces it. The form of the answer is what `_prompt_in` reads.
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

_PLACE = re.compile(r"\{\{\s*(MESSAGES|prompt)(?::(START|END|start|end):(\d{1,4}))?\s*\}\}")
_VARIABLE = re.compile(r"\{\{\s*(CURRENT_DATE|USER_NAME)\s*\}\}")
_THINKING = re.compile(r"<(think|thinking|thought|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)


async def improve(
    caller: Caller, model: str, messages: Sequence[Mapping[str, Any]], wish: str, *, template: str = ""
) -> str:
    """The prompt that the task model made of the wish; the wish itself when that fails in any way."""
    snapshot = await catalogue.snapshot()
    try:
        route = tasks.task_route(snapshot, caller, model)
        if route.sources[0].connection.demo:
            return wish  # a script answers there, not a model
        text = fill(template or TEMPLATE, messages, wish, user_name=caller.name)
        said = await tasks.ask_in_json(caller, model, [{"role": "user", "content": text}])
    except GatewayError as error:
        logger.info("The prompt was not improved: %s", error.code)
        return wish
    return prompt_in(said) or wish


def fill(template: str, messages: Sequence[Mapping[str, Any]], wish: str, *, user_name: str = "") -> str:
    """The template with `{{MESSAGES:END:6}}`, `{{prompt}}`, `{{CURRENT_DATE}}` and `{{USER_NAME}}` filled in.

    What is filled in is not looked at again: nobody's words can name another place.
    """

    def value(match: re.Match[str]) -> str:
        name, end, count = match[1], (match[2] or "").upper(), int(match[3] or 0)
        if name == "prompt":
            return wish[:count] if end == "START" else wish[-count:] if end and count else "" if end else wish
        chosen = list(messages)
        if end:
            chosen = chosen[:count] if end == "START" else chosen[-count:] if count else []
        return "\n".join(f"{one.get('role', '')}: {text_of(one.get('content'))}" for one in chosen)

    variables = {"CURRENT_DATE": timezone.localdate().isoformat(), "USER_NAME": user_name}
    whole = re.compile(f"{_PLACE.pattern}|{_VARIABLE.pattern}")
    return whole.sub(lambda match: variables[match[4]] if match[4] else value(match), template)


def prompt_in(said: str) -> str:
    """The `prompt` of the last balanced JSON object that has one; empty when there is none."""
    for found in spoken_json.objects(_THINKING.sub("", said)):
        prompt = found.get("prompt")
        if isinstance(prompt, str) and prompt.strip():
            return prompt.strip()[:MAX_PROMPT]
    return ""
