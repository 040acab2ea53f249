"""A chat completion as a response, in one piece. docs/upstreams/openai.md, “Responses and chat completions”."""

from collections.abc import Mapping
from typing import Any

from providers.dialects import chat_form
from providers.dialects.responses_over_chat import shape
from providers.dialects.translation import Body, ClientRequest
from providers.errors import ProviderError
from providers.sentences import sentence as _


def answer(value: Any, request: ClientRequest) -> Body:
    """Raises ProviderError for what is no chat completion."""
    choices = value.get("choices") if isinstance(value, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if choice is None or not isinstance(message, dict):
        raise ProviderError(_("The provider's answer is not a chat completion."), code="invalid_answer")
    end = shape.ending(choice.get("finish_reason") or "stop", request.created)
    output = _output(value.get("id"), message, choice, end["status"])
    usage = shape.usage(value.get("usage"))
    return shape.response(request, shape.id_of(value.get("id"), "resp"), output=output, usage=usage, **end)


def _output(chat_id: Any, message: Mapping[str, Any], choice: Mapping[str, Any], status: str) -> list[Body]:
    output: list[Body] = []
    if thoughts := chat_form.thoughts_in(message):
        output.append(shape.reasoning(shape.id_of(chat_id, "rs"), "completed", thoughts))
    calls = chat_form.calls_in(message)
    content = []
    if text := chat_form.text_in(message):
        content.append(shape.text_part(text, chat_form.logprobs_in(choice)))
    if refusal := chat_form.refusal_in(message):
        content.append(shape.refusal_part(refusal))
    if content or not (calls or output):
        output.append(shape.message(shape.id_of(chat_id, "msg"), status, content or [shape.text_part("")]))
    for number, (call, function) in enumerate(calls):
        name, arguments = function.get("name"), chat_form.arguments_in(function) or "{}"
        item_id = f"{shape.id_of(chat_id, 'fc')}_{number}"
        call_id = call["id"] if isinstance(call.get("id"), str) and call["id"] else f"call_{number}"
        output.append(shape.call(item_id, status, call_id, name if isinstance(name, str) else "", arguments))
    return output
