"""Questions to servers that speak Ollama's protocol: small JSON answers within seconds, from many at once.

Source: docs/upstreams/ollama.md, “Managing models”
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from providers import http, json_bodies
from providers.errors import GatewayError, ProviderError
from providers.facts import Caller, ConnectionFacts
from providers.http import Limits
from providers.process import waiting
from providers.sentences import sentence as _
from providers.upstream import kinds
from providers.upstream.error_bodies import error_of
from providers.upstream.headers import headers_for, secrets_in

SECONDS = 4.0  # for one answer
MAX_BYTES = 4 * 1024 * 1024
AT_ONCE = 8  # servers

logger = logging.getLogger(__name__)


def limits_of(facts: ConnectionFacts) -> Limits:
    return Limits(
        connect=min(facts.limits.connect or SECONDS, SECONDS),
        first_byte=SECONDS,
        idle=SECONDS,
        total=SECONDS,
        max_bytes=MAX_BYTES,
    )


async def ask(
    facts: ConnectionFacts,
    path: str,
    *,
    method: str = "GET",
    body: Mapping[str, Any] | None = None,
    by: Caller | None = None,
    limits: Limits | None = None,
) -> dict[str, Any]:
    """The object that a server answers with; empty for an answer without a body.

    Raises NetworkError and its children, ConfigurationError, and ProviderError with the server's words.
    """
    headers = await headers_for(facts, caller=by)
    async with http.stream(
        method,
        kinds.ollama_url(facts, path),
        headers=headers,
        body=json_bodies.dumps(body) if body is not None else b"",
        limits=limits or limits_of(facts),
        tls=facts.tls,
        secrets=secrets_in(facts, headers),
        unpacked=True,
    ) as answer:
        if answer.status >= 400:
            raise error_of(answer.status, await answer.beginning(), dict(answer.headers))
        data = await answer.read(MAX_BYTES)
    if not data.strip():
        return {}
    try:
        value = await waiting.off_loop(len(data), json_bodies.parse_response, data)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ProviderError(_("The provider's answer is not JSON."), code="invalid_answer")
    return value


async def ask_all(
    servers: Iterable[ConnectionFacts], path: str, *, by: Caller | None = None
) -> dict[int, dict[str, Any]]:
    """The answers of those servers that give one, by connection. Raises the error of the last one if none does."""
    gate = asyncio.Semaphore(AT_ONCE)
    asked = list(servers)
    until = time.monotonic() + 2 * SECONDS

    async def ask_one(facts: ConnectionFacts) -> dict[str, Any] | GatewayError:
        try:
            async with gate:
                if time.monotonic() > until:
                    return ProviderError(_("The provider was not asked: others took too long."), code="timeout")
                return await ask(facts, path, by=by)
        except GatewayError as error:
            logger.info("%s did not answer %s: %s", facts.name, path, error)
            return error

    answers = await asyncio.gather(*map(ask_one, asked))
    given = {
        facts.id: answer for facts, answer in zip(asked, answers, strict=True) if not isinstance(answer, GatewayError)
    }
    failed = [answer for answer in answers if isinstance(answer, GatewayError)]
    if failed and not given:
        raise failed[-1]
    return given
