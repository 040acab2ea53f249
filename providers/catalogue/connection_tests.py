"""Whether a connection works: what *Test connection* finds out. Nothing is stored, and nothing is asked that costs."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from providers import http
from providers.catalogue.discovery import ListCall, list_options
from providers.errors import ConfigurationError, GatewayError, ProviderError
from providers.facts import Caller, ConnectionFacts
from providers.upstream import kinds, model_lists
from providers.upstream.error_bodies import error_of
from providers.upstream.headers import headers_for_blocking
from providers.upstream.model_lists import ListReader

NO_LIST = (404, 405)
DEPLOYMENTS_ASKED = 10
NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """A connection that answers. `doubt` says why it may not work all the same, and what to do."""

    models: int | None  # how many it lists; None without a list
    doubt: str = ""


def examine(facts: ConnectionFacts, *, by: Caller | None = None) -> Finding:
    """Ask a server, which need not be saved, everything that shows whether calls will work.

    Raises GatewayError where they will not: a ConfigurationError says what to change. NoCredential: it cannot be known
    here. `by` is the caller whose credential is sent, for auth types that need one.
    """
    if operation := kinds.operation_in(facts.base_url):
        raise ConfigurationError(
            _("The address ends with “%(path)s”, which this site adds by itself. Enter %(url)s.")
            % {"path": f"/{operation}", "url": kinds.without_operation(facts.base_url)},
            code="address_of_operation",
        )
    try:
        listed = _listed(facts, by=by)
    except GatewayError as error:
        if error.status not in (401, 403) and (better := _better_address(facts, error, by=by)):
            raise _other_address(better, error.provider) from error
        raise
    if listed is None and (better := _better_address(facts, None, by=by)):
        raise _other_address(better)
    if kinds.of(facts).has_deployments:
        return Finding(None if facts.model_ids else len(listed or ()), _doubt_of_deployments(facts, by=by))
    if listed is None:
        return Finding(
            None,
            _("It has no list of models, so the key and the model ids were not checked. Send a message to try them."),
        )
    if not listed:
        doubt = _("But it lists no model. Load one there, or enter the ids under “Model ids”.")
        return Finding(0, doubt)
    return Finding(len(listed), _doubt_of_ids(facts, {model.upstream_id for model in listed}))


def probe_answer(facts: ConnectionFacts, *, by: Caller | None = None) -> http.BlockingResponse:
    """The response of a server to a check: the refusal of the key, where the list does not check it, else the list."""
    options = list_options(facts, headers_for_blocking(facts, caller=by))
    if refusal := _refusal(facts, options):
        return refusal
    pages = ListReader(kinds.probe_urls(facts))
    answer = http.request("GET", str(pages.url), **options)
    while pages.leads_on(answer.status, answer.headers):
        answer = http.request("GET", str(pages.url), **options)
    return answer


def _listed(facts: ConnectionFacts, *, by: Caller | None) -> list[model_lists.ListedModel] | None:
    """All that a server lists; None where it has no list and an administrator entered the ids. Raises GatewayError."""
    options = list_options(facts, headers_for_blocking(facts, caller=by))
    if refusal := _refusal(facts, options):
        raise error_of(refusal.status, refusal.content, refusal.headers)
    pages = ListReader(kinds.probe_urls(facts))
    started, limits = time.monotonic(), options["limits"]
    try:
        while pages.url is not None:
            options["limits"] = limits.after(started)  # the pages together are the list
            answer = http.request("GET", pages.url, **options)
            pages.take(answer.status, answer.content, answer.headers)
    except ProviderError as error:
        if facts.model_ids and error.status in NO_LIST:
            return None
        raise
    return pages.models()


def _refusal(facts: ConnectionFacts, options: ListCall) -> http.BlockingResponse | None:
    """The refusal of the key, where the list of models does not check it."""
    proof_url = kinds.proof_url(facts)
    proof = http.request("GET", proof_url, **options) if proof_url is not None else None
    return proof if proof is not None and proof.status in (401, 403) else None


# --- the address ------------------------------------------------------------------------------------------------------


def _better_address(facts: ConnectionFacts, error: GatewayError | None, *, by: Caller | None) -> str:
    """An address at the same server that has a list of models; empty where none is found."""
    if error is not None and error.blame != "provider":
        return ""
    for address in kinds.other_addresses(facts.base_url):
        other = replace(facts, base_url=address)
        try:
            answer = http.request(
                "GET", f"{address}/models", **list_options(other, headers_for_blocking(other, caller=by))
            )
            # A refused key shows the place as well, where the address that was entered refuses none.
            if answer.status in (401, 403) or model_lists.read_list(answer.status, answer.content, answer.headers):
                return address
        except GatewayError:
            continue
    return ""


def _other_address(address: str, provider: str = "") -> ConfigurationError:
    return ConfigurationError(
        _("There is no list of models at this address, but there is one at %(url)s. Enter that as the base URL.")
        % {"url": address},
        code="other_address",
        provider=provider,
    )


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


def _doubt_of_deployments(facts: ConnectionFacts, *, by: Caller | None) -> str:
    """Why the entered deployments may not work. Raises ConfigurationError where none is there."""
    if not facts.model_ids:
        kinds.of(facts).list_urls(facts)  # raises where nothing at all can be listed
        return _("But what it lists are models of the region. Enter the names of your deployments under “Model ids”.")
    asked = facts.model_ids[:DEPLOYMENTS_ASKED]
    missing = [name for name in asked if not _is_deployed(facts, name, by=by)]
    if not missing:
        return ""
    message = _(
        "There is no deployment with the name: %(ids)s. Check how they are spelled; new ones need some minutes."
    )
    message %= {"ids": _names(missing)}
    if len(missing) == len(asked):
        raise ConfigurationError(message, code="model_ids_unknown")
    return message


def _is_deployed(facts: ConnectionFacts, name: str, *, by: Caller | None) -> bool:
    """Whether Azure knows this deployment. It is asked for a chat without messages, which it refuses: that costs
    nothing. docs/upstreams/azure-openai.md, “Errors”."""
    url = kinds.of(facts).endpoint(facts, "chat/completions", name, True)
    body = {"model": name, "messages": []}
    try:
        answer = http.request("POST", url, json=body, **list_options(facts, headers_for_blocking(facts, caller=by)))
    except GatewayError:
        return True  # not known
    return answer.status != 404 or re.search(rb"deployment", answer.content, re.IGNORECASE) is None


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
