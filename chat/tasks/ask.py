"""Which model runs tasks, and how it is called."""

import asyncio
import logging
import uuid
from typing import Any, NamedTuple

from chat.answers.reasoning import without_thinking
from providers import catalogue, json_bodies, relay
from providers.errors import GatewayError, NotFound, UpstreamTimeout
from providers.facts import Caller, Route, Snapshot
from providers.sentences import sentence as _

MAX_BYTES = 2**16  # of an answer: a title, three suggestions or a prompt, with the reasoning before it
TASK_SECONDS = 60.0  # a bound: nobody waits for a title, but no call may run for ever

logger = logging.getLogger(__name__)


class Talk(NamedTuple):
    """The parts of a chat that a task reads; `model` answered last."""

    chat_id: uuid.UUID
    user_id: int
    model: str
    messages: list[dict[str, Any]]


async def ask(
    caller: Caller, model: str, messages: list[dict[str, Any]], *, seconds: float = TASK_SECONDS, **params: Any
) -> str:
    """The text of the task model's answer, without reasoning; `model` is the chat's. Raises GatewayError."""
    return text_of(await complete(caller, model, messages, seconds=seconds, **params))


async def ask_in_json(caller: Caller, model: str, messages: list[dict[str, Any]]) -> str:
    """`ask` with a prompt that asks for JSON, which `chat.answers.json_in_text` finds in the text."""
    return text_of(await complete_as_json(caller, model, messages))


async def complete(
    caller: Caller, model: str, messages: list[dict[str, Any]], *, seconds: float = TASK_SECONDS, **params: Any
) -> dict[str, Any]:
    """The task model's whole answer, as OpenAI's chat completion. Raises GatewayError."""
    snapshot = await catalogue.snapshot()
    route = task_route(snapshot, caller, model)
    payload = {**params, "model": route.public_id, "messages": messages, "stream": False}
    try:
        async with asyncio.timeout(seconds):
            return await relay.complete(
                relay.RelayRequest(operation="chat", caller=caller, payload=payload, raw=None, kind="task"),
                max_bytes=MAX_BYTES,
            )
    except TimeoutError as error:
        raise UpstreamTimeout(_("The provider took too long to answer.")) from error


async def complete_as_json(caller: Caller, model: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """`complete` in JSON mode, where the provider has one."""
    try:
        return await complete(caller, model, messages, response_format={"type": "json_object"})
    except GatewayError as error:
        if error.blame != "provider" or error.status not in (400, 422):
            raise
        return await complete(caller, model, messages)


def text_of(answer: dict[str, Any]) -> str:
    """The text of a chat completion, without reasoning and without characters that cannot be stored."""
    choices = answer.get("choices") or [{}]
    text = str((choices[0].get("message") or {}).get("content") or "")
    return str(json_bodies.storable(without_thinking(text))).strip()


def task_route(snapshot: Snapshot, caller: Caller, model: str) -> Route:
    """The route of the task model for `model`: TASK_MODEL where that is a local model, else TASK_MODEL_EXTERNAL.

    `model` itself where that is not set, or not available to the caller. Raises NotFound when `model` is not either.
    """
    own = snapshot.route_for(caller, model)
    task_model = snapshot.gateway.task_model if own.is_local else snapshot.gateway.task_model_external
    try:
        # An assistant's own prompt is no part of a task: the model that it is made of runs it.
        return snapshot.route_for(caller, task_model or own.counted_as)
    except NotFound:
        logger.info("The task model %s is not available for %s: the model itself runs the task", task_model, model)
        return own
