"""*Describe this picture*: a model that sees pictures writes the prompt that would draw one."""

import pybase64
from django.utils.translation import get_language_info

from chat import choice, files
from chat.files.pictures import sniff
from chat.models import File
from chat.tasks.ask import MAX_BYTES, text_of
from imagegen.image_request import MAX_PROMPT
from providers import catalogue, relay
from providers.errors import NotFound
from providers.facts import Caller, Route, Snapshot
from providers.process import waiting
from providers.sentences import sentence as _

ASKED = """Describe this picture as a prompt for a text-to-image model, so that it would draw one like it.

One paragraph: subject, setting, composition, light, colours, mood, style and medium. Say nothing about yourself or
about the task, and use no headings. Write in {language}."""


async def describe(caller: Caller, row: File, *, language: str) -> tuple[str, str]:
    """A prompt for this picture, in this language (`en`, `zh-hans`), and the id of the model that wrote it.

    Raises NotFound where no model of the caller's sees pictures, and what the call and reading the picture
    raise.
    """
    snapshot = await catalogue.snapshot()
    usual = await waiting.in_own_thread(choice.default_model, caller)
    route = model_that_sees(snapshot, caller, usual)
    content = await waiting.in_own_thread(files.picture_for_model, row)
    url = f"data:{sniff(content)};base64,{pybase64.b64encode(content).decode()}"
    words = ASKED.format(language=get_language_info(language)["name"])
    message = {
        "role": "user",
        "content": [{"type": "text", "text": words}, {"type": "image_url", "image_url": {"url": url}}],
    }
    payload = {"model": route.public_id, "messages": [message], "stream": False}
    request = relay.RelayRequest(operation="chat", caller=caller, payload=payload, raw=None, kind="task")
    answer = await relay.complete(request, max_bytes=MAX_BYTES)
    return text_of(answer)[:MAX_PROMPT], route.public_id


def model_that_sees(snapshot: Snapshot, caller: Caller, usual: str) -> Route:
    """The usual model of the caller's if it may see pictures, else the first that does. Raises NotFound."""
    routes = [route for route in snapshot.routes_for(caller) if not route.is_demo]
    own = next((route for route in routes if route.public_id == usual and route.vision is not False), None)
    seeing = own or next((route for route in routes if route.vision), None)
    if seeing is None:
        raise NotFound(
            _("No model that you may use can see pictures. Ask your administrator for one."), code="no_vision_model"
        )
    return seeing
