"""Which model does small jobs, and how it is asked."""

import asyncio
import logging
from typing import Any

from chat.answers.reasoning import without_thinking
from providers import catalogue, relay
from providers.errors import GatewayError, NotFound
from providers.facts import Caller, Route, Snapshot

TASK_SECONDS = 60.0  # nobody waits for a title, but nothing may run for ever

logger = logging.getLogger(__name__)


async def ask(caller: Caller, model: str, messages: list[dict[str, Any]], **params: Any) -> str:
    """The task model's words, without its thinking; `model` is the chat's. Raises GatewayError."""
    return words_of(await complete(caller, model, messages, **params))


async def ask_in_json(caller: Caller, model: str, messages: list[dict[str, Any]]) -> str:
    """The same for a prompt that wants JSON; `spoken_json` reads the answer."""
    return words_of(await complete_as_json(caller, model, messages))


async def complete(caller: Caller, model: str, messages: list[dict[str, Any]], **params: Any) -> dict[str, Any]:
    """The task model's whole answer, as OpenAI's chat completion. Raises GatewayError."""
    snapshot = await catalogue.snapshot()
    route = task_route(snapshot, caller, model)
    payload = {**params, "model": route.public_id, "messages": messages, "stream": False}
    try:
        async with asyncio.timeout(TASK_SECONDS):
            return await relay.complete(
                relay.RelayRequest(operation="chat", caller=caller, payload=payload, raw=None, kind="task")
            )
    except TimeoutError as error:
        raise GatewayError("The task model took too long.", code="task_timeout") from error


async def complete_as_json(caller: Caller, model: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The same in JSON mode, where the provider has one."""
    try:
        return await complete(caller, model, messages, response_format={"type": "json_object"})
    except GatewayError as error:
        if error.blame != "provider" or error.status not in (400, 422):
            raise
        return await complete(caller, model, messages)


def words_of(answer: dict[str, Any]) -> str:
    """What a chat completion says, without thinking."""
    choices = answer.get("choices") or [{}]
    return without_thinking(str((choices[0].get("message") or {}).get("content") or "")).strip()


def task_route(snapshot: Snapshot, caller: Caller, model: str) -> Route:
    """The model that does small jobs for `model`: TASK_MODEL for one of a local connection, TASK_MODEL_EXTERNAL for
    the others; the model itself when that is not set or not the caller's. Raises NotFound when it is not either.

    See docs/upstreams/compatibility.md, “Task models”.
    """
    own = snapshot.route_for(caller, model)
    wanted = snapshot.gateway.task_model if own.is_local else snapshot.gateway.task_model_external
    try:
        return snapshot.route_for(caller, wanted) if wanted else own
    except NotFound:
        logger.info("The task model %s cannot be used for %s: its own model does the job", wanted, model)
        return own
