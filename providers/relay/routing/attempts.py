"""What follows when the first try of a call failed: the next source, the last one again, another model.

The rules, all of them before the first byte of an answer:

- Where a provider calls a parameter unknown, it is asked again without it (`providers.relay.routing.learning`).
- A network error, a missing credential, or a status that the operation passes over leads to the next source.
- The last source is tried again as often, and within the time, that its connection allows (`retries`,
  `retry_seconds`). Not after a timeout, which took long enough; not where the provider says that it does not help; and
  where it asks for more time than there is, its answer is passed on at once.

Every request can be sent again: bodies are bytes or in a file. An operation that must not be repeated once it was sent
would need a rule here; so far, pictures are not passed through.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from providers.errors import ConfigurationError, GatewayError, NetworkError, ProviderError, UpstreamTimeout
from providers.facts import Caller, ConnectionFacts, Route, Source
from providers.permits import PermitScope
from providers.relay.operations import Operation
from providers.relay.response import RelayResponse
from providers.relay.routing.learning import learn
from providers.relay.rules import Body
from providers.upstream.error_bodies import wait_after

FIRST_WAIT = 0.5  # seconds before the first further try; doubled with each, and shortened by chance
LONGEST_WAIT = 8.0
LONGEST_CODE = 100  # characters

OF_KEY = frozenset({401, 402, 403, 429})  # statuses that another key of the connection may not get

FAILURES = (NetworkError, ConfigurationError, ProviderError)  # of a source, as exceptions
Outcome = RelayResponse | NetworkError | ConfigurationError | ProviderError
Tried = list[dict[str, Any]]  # {"model", "connection", "outcome"} of each try that was passed over, in order
Fetch = Callable[[Route, Source, Tried], Awaitable[RelayResponse]]

logger = logging.getLogger(__name__)


def has_answered(outcome: Outcome) -> bool:
    return isinstance(outcome, RelayResponse) and outcome.status < 400


async def outcome_of(attempt: Awaitable[RelayResponse]) -> Outcome:
    """What an attempt came to. Raises what is no fault of the source: BadRequest, an ended permit, a shutdown."""
    try:
        return await attempt
    except FAILURES as error:
        return error


def result(outcome: Outcome) -> RelayResponse:
    """The response, whatever its status; an error is raised."""
    if isinstance(outcome, RelayResponse):
        return outcome
    raise outcome


async def close(outcome: Outcome) -> None:
    if isinstance(outcome, RelayResponse):
        await outcome.aclose()


class Attempts:
    """The tries of one call at the sources of one route."""

    def __init__(
        self,
        fetch: Fetch,
        operation: Operation,
        route: Route,
        sources: Sequence[Source],
        *,
        caller: Caller,
        body: Body,
        tried: Tried,
    ) -> None:
        self.body = body  # the caller's
        self.fetch, self.operation, self.route, self.sources = fetch, operation, route, sources
        self.caller, self.tried = caller, tried
        self.index = 0  # of the source that was tried last
        self.repeats = 0  # of the last source
        self.since = time.monotonic()  # the first failure

    async def begin(self) -> Outcome:
        """The outcome from the first source on."""
        return await self.go_on(await outcome_of(self.fetch(self.route, self.sources[0], self.tried)))

    async def go_on(self, outcome: Outcome) -> Outcome:
        """The outcome of the call, after the first try came to this one. Nobody else closes what is passed over."""
        self.since = time.monotonic()
        source = self.source
        while not has_answered(outcome) and (wait := self._following(outcome)) is not None:
            await close(outcome)
            self._note(source, outcome)
            if wait:
                await self._rest(wait)
            source = self.source
            outcome = await outcome_of(self.fetch(self.route, source, self.tried))
        return outcome

    @property
    def source(self) -> Source:
        """The source of the last try, or of the next one that was decided."""
        return self.sources[self.index]

    def note(self, outcome: Outcome) -> None:
        """Note that the last try is passed over."""
        self._note(self.source, outcome)

    def _note(self, source: Source, outcome: Outcome) -> None:
        connection, code = source.connection.name, code_of(outcome)
        self.tried.append({"model": self.route.public_id, "connection": connection, "outcome": code})
        logger.warning("%s failed for %s (%s), trying on", connection, self.route.public_id, code)

    def _following(self, outcome: Outcome) -> float | None:
        """The seconds until the next try, whose source is set then; None where the call ends with this outcome."""
        if isinstance(outcome, RelayResponse):
            source, route = self.source, self.route
            if learn(self.operation, self.body, outcome, route=route, source=source, caller=self.caller):
                return 0.0  # to the same source; each time it knows one parameter less, so this ends
            if outcome.status in OF_KEY and (after := self._next(same=True)) is not None:
                self.index = after
                return 0.0
        if isinstance(outcome, RelayResponse | ProviderError) and not self.operation.passed_over(outcome.status):
            return None
        if (after := self._next(same=False)) is not None:
            self.index = after
            return 0.0
        wait = wait_before_repeat(self.source.connection, outcome, self.repeats, self.since)
        self.repeats += 1
        return wait

    def _next(self, *, same: bool) -> int | None:
        """The index of the next source of the same connection, which has another key, or of another connection."""
        now = self.source
        for index in range(self.index + 1, len(self.sources)):
            source = self.sources[index]
            if same is (source.connection.id == now.connection.id and source.upstream_id == now.upstream_id):
                return index
        return None

    async def _rest(self, seconds: float) -> None:
        """Wait; whoever loses the right to the call meanwhile ends it."""
        scope = PermitScope(self.caller)
        try:
            with scope:
                await asyncio.sleep(seconds)
        finally:
            scope.close()


def wait_before_repeat(connection: ConnectionFacts, outcome: Outcome, repeats: int, since: float) -> float | None:
    """The seconds until a source is tried again that was tried again `repeats` times; None where it is not."""
    if repeats >= connection.retries or not _may_pass(outcome):
        return None
    wait = _asked_wait(outcome)
    if wait is None:
        # By chance, so that callers who failed together do not come back together.
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0**repeats) * random.uniform(0.5, 1.0)  # noqa: S311  no secret
    return wait if time.monotonic() - since + wait <= connection.retry_seconds else None


def _may_pass(outcome: Outcome) -> bool:
    """Whether the same request may succeed within seconds."""
    if isinstance(outcome, UpstreamTimeout) or not error_of(outcome).retryable:
        return False
    return not (isinstance(outcome, RelayResponse) and ("x-should-retry", "false") in outcome.headers)


def _asked_wait(outcome: Outcome) -> float | None:
    return wait_after(outcome.status, dict(outcome.headers)) if isinstance(outcome, RelayResponse) else None


def error_of(outcome: Outcome) -> GatewayError:
    """The error of a try that failed."""
    return outcome.error_with(outcome.refusal) if isinstance(outcome, RelayResponse) else outcome


def code_of(outcome: Outcome) -> str:
    """Why a try failed, as one word: the provider's code, else ours."""
    error = error_of(outcome)
    return (error.provider_code or error.code)[:LONGEST_CODE]
