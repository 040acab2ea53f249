"""The test behind *Test connection*: it stores nothing, and calls nothing that a provider charges for."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.conf import settings

from providers import auth, http
from providers.catalogue.discovery import ListCall, list_options
from providers.errors import ConfigurationError, GatewayError, ProviderError
from providers.facts import Caller, ConnectionFacts
from providers.http import failures
from providers.http.policy import soonest
from providers.sentences import sentence as _
from providers.upstream import kinds, model_lists
from providers.upstream.error_bodies import error_of, with_own_credential
from providers.upstream.headers import headers_for_blocking
from providers.upstream.model_lists import ListReader

NO_LIST = (404, 405)
TEST_SECONDS = 30.0  # for all calls of a test together, unless a list alone may take longer
DEPLOYMENTS_ASKED = 10
NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """A connection that responds. `doubt` says why calls may still fail, and what to do."""

    models: int | None  # how many it lists; None without a list
    doubt: str = ""


class _Calls:
    """The calls of one test of a connection. Raises GatewayError where the credential cannot be had."""

    def __init__(self, facts: ConnectionFacts, by: Caller | None) -> None:
        self.started = time.monotonic()
        self._options = list_options(facts, headers_for_blocking(facts, caller=by, lists=True))

    def ask(
        self, method: str, url: str, *, list_started: float | None = None, json: Any = None
    ) -> http.BlockingResponse:
        """The response of the server. Raises GatewayError, and UpstreamTimeout once the time of the test is over.

        `list_started`: when the list began that this is a page of; its pages together have the time for a list.
        """
        begun, limits = time.monotonic(), self._options["limits"]
        if list_started is not None and limits.total is None:  # a list without a limit takes none of the test's time
            try:
                return http.request(method, url, **self._options, json=json)
            finally:
                self.started += time.monotonic() - begun
        left = max(TEST_SECONDS, settings.MODEL_LIST_TIMEOUT or 0) - (begun - self.started)
        if left <= 0:
            raise failures.timeout_error()
        limits = limits if list_started is None else limits.after(list_started)
        options: ListCall = {**self._options, "limits": replace(limits, total=soonest(limits.total, left))}
        return http.request(method, url, **options, json=json)


def examine(facts: ConnectionFacts, *, by: Caller | None = None) -> Finding:
    """Ask a server, which need not be saved, everything that shows whether calls will work.

    Raises GatewayError where they will not: a ConfigurationError says what to change. NoCredential: it cannot be known
    here. `by` is the caller whose credential is sent, for auth types that need one.
    """
    kinds.refuse_operation(facts.base_url)
    calls = _Calls(facts, by)
    try:
        with with_own_credential(auth.needs_user(facts.auth_type)):
            listed = _listed(calls, facts)
    except GatewayError as error:
        if error.status not in (401, 403) and (better := _better_address(calls, facts, error)):
            raise model_lists.elsewhere(better, provider=error.provider) from error
        raise
    doubt = _doubt_of_address(calls, facts) if listed is None else ""
    if kinds.of(facts).has_deployments:
        return Finding(None if facts.model_ids else len(listed or ()), _doubt_of_deployments(calls, facts) or doubt)
    if listed is None:
        unknown = _(
            "It has no list of models, so the key and the model ids were not checked. Send a message to try them."
        )
        return Finding(None, doubt or unknown)
    if not listed:
        return Finding(0, _("But it lists no model. Load one there, or enter the ids under “Model ids”."))
    return Finding(len(listed), _doubt_of_ids(facts, {model.upstream_id for model in listed}))


def probe_response(facts: ConnectionFacts, *, by: Caller | None = None) -> http.BlockingResponse:
    """The response of a server to a check: the refusal of the key if its list needs no valid key, else the list."""
    calls = _Calls(facts, by)
    if refusal := _refusal(calls, facts):
        return refusal
    pages, started = ListReader(kinds.probe_urls(facts)), time.monotonic()
    answer = calls.ask("GET", str(pages.url), list_started=started)
    while pages.leads_on(answer.status, answer.headers):
        answer = calls.ask("GET", str(pages.url), list_started=started)
    return answer


def _listed(calls: _Calls, facts: ConnectionFacts) -> list[model_lists.ListedModel] | None:
    """The models that a server lists; None if it has no list and the ids were entered. Raises GatewayError."""
    if refusal := _refusal(calls, facts):
        raise error_of(refusal.status, refusal.content, refusal.headers)
    pages = ListReader(kinds.probe_urls(facts))
    started = time.monotonic()
    try:
        while pages.url is not None:
            answer = calls.ask("GET", pages.url, list_started=started)
            pages.take(answer.status, answer.content, answer.headers)
    except ProviderError as error:
        if facts.model_ids and error.status in NO_LIST:
            return None
        raise
    return pages.models()


def _refusal(calls: _Calls, facts: ConnectionFacts) -> http.BlockingResponse | None:
    """The refusal of the key, where the list of models does not check it."""
    proof_url = kinds.proof_url(facts)
    proof = calls.ask("GET", proof_url) if proof_url is not None else None
    return proof if proof is not None and proof.status in (401, 403) else None


# --- the address ------------------------------------------------------------------------------------------------------


def _better_address(calls: _Calls, facts: ConnectionFacts, error: GatewayError | None) -> str:
    """An address at the same server that has a list of models; empty where none is found."""
    if error is not None and error.blame != "provider":
        return ""
    return model_lists.better_address(facts.base_url, partial(calls.ask, "GET"))


def _doubt_of_address(calls: _Calls, facts: ConnectionFacts) -> str:
    """Why an address without a list may be wrong, although calls for chats may work."""
    better = _better_address(calls, facts, None)
    doubt = _(
        "There is no list of models at this address, but there is one at %(url)s. Send a message; if it fails, enter"
        " that as the base URL."
    )
    return doubt % {"url": better} if better else ""


# --- the model ids ----------------------------------------------------------------------------------------------------


def _doubt_of_ids(facts: ConnectionFacts, listed: set[str]) -> str:
    """Why the entered ids may not work. Raises ConfigurationError where the provider knows none of them."""
    also_listed_as = kinds.of(facts).also_listed_as
    missing = [name for name in facts.model_ids if listed.isdisjoint((name, *also_listed_as(name)))]
    if not missing:
        return ""
    values = {"ids": _names(missing), "listed": _names(sorted(listed))}
    if len(missing) == len(facts.model_ids):
        raise ConfigurationError(
            _("The provider lists none of the entered model ids: %(ids)s. It lists, for example: %(listed)s.") % values,
            code="model_ids_unknown",
        )
    return (
        _("The provider does not list: %(ids)s. Check how they are spelled. It lists, for example: %(listed)s.")
        % values
    )


def _doubt_of_deployments(calls: _Calls, facts: ConnectionFacts) -> str:
    """Why the entered deployments may not work. Raises ConfigurationError where none is there."""
    if not facts.model_ids:
        kinds.of(facts).list_urls(facts)  # raises where nothing at all can be listed
        return _("But what it lists are models of the region. Enter the names of your deployments under “Model ids”.")
    asked = facts.model_ids[:DEPLOYMENTS_ASKED]
    missing = [name for name in asked if not _is_deployed(calls, facts, name)]
    if not missing:
        return ""
    message = _(
        "There is no deployment with the name: %(ids)s. Check how they are spelled; new ones need some minutes."
    )
    message %= {"ids": _names(missing)}
    if len(missing) == len(asked):
        raise ConfigurationError(message, code="model_ids_unknown")
    return message


def _is_deployed(calls: _Calls, facts: ConnectionFacts, name: str) -> bool:
    """Whether Azure knows this deployment. It is asked for a chat without messages, which it refuses: that costs
    nothing. docs/upstreams/azure-openai.md, “Errors”.
    """
    url = kinds.of(facts).endpoint(facts, "chat/completions", name, True)
    try:
        answer = calls.ask("POST", url, json={"model": name, "messages": []})
    except GatewayError:
        return True  # not known
    return answer.status != 404 or re.search(rb"deployment", answer.content, re.IGNORECASE) is None


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
