"""Errors that are stored with a message, a picture or a server: as a code and facts, worded for each reader.

Administrators read the cause. Other people have no keys, no bills and no addresses to look after: they read that the
model cannot be used now, and what they can do.
"""

from collections.abc import Callable, Mapping
from typing import Any

from providers import sentences
from providers.sentences import sentence as _

NO_CREDIT_CODES = {
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "payment_required",
    "billing_hard_limit_reached",
}
ACCOUNT_STATUSES = {401, 402, 403}  # a provider refuses this site, not what somebody asked for
# Their words name no key, bill or address of the site. `user_needed`: stored by earlier versions with this blame.
OURS = {"internal_error", "interrupted", "oauth_not_configured", "user_needed"}
# The caller's own credential is missing or refused; the sentence says what the caller can do.
CREDENTIAL_CODES = {"user_needed", "oauth_token_missing", "oauth_token_ended", "credential_refused"}
UNSAID = {"text"}  # members of a kept error that only this module reads


def is_fault(error: Mapping[str, Any]) -> bool:
    """Whether an administrator has to do something about it: a key, a bill, a right, a setting."""
    blame, code = error.get("blame"), str(error.get("code") or "")
    if blame == "configuration":
        return code not in OURS
    if blame != "provider" or code == "content_refused":
        return False
    return code.lower() in NO_CREDIT_CODES or (error.get("status") in ACCOUNT_STATUSES and not error.get("retryable"))


def is_of_credential(error: Mapping[str, Any]) -> bool:
    """Whether the caller's own credential is missing or refused."""
    return error.get("blame") == "caller" and error.get("code") in CREDENTIAL_CODES


def worded(error: Mapping[str, Any] | None, *, for_admin: bool, of_tool: bool = False) -> dict[str, Any] | None:
    """A stored error, worded for this reader in the present language: `GatewayError.message_body` without its parts.

    `of_tool`: it is a tool server's, not a model's.
    """
    if error is None:
        return None
    shown = {name: value for name, value in error.items() if name not in UNSAID}
    shown["message"] = sentences.remade(error.get("text")) or error.get("message", "")
    if for_admin:
        return shown
    fault, missing, unreachable = _of_tool() if of_tool else _of_model()
    if is_fault(error):
        return {**shown, "message": fault, "provider": "", "blame": "configuration", "retryable": False}
    if error.get("blame") == "provider" and error.get("status") == 404:
        return {**shown, "message": missing, "provider": ""}
    if error.get("blame") == "network" and error.get("code") == "upstream_unreachable":
        return {**shown, "message": unreachable, "provider": ""}
    return shown


def _of_model() -> tuple[str, str, str]:
    """What other people read where an administrator has to act, where nothing is there, and where nothing answers."""
    return (
        _("This model cannot be used right now; the administrators were told."),
        _("This model cannot be used right now."),
        _("The server of this model cannot be reached right now."),
    )


def _of_tool() -> tuple[str, str, str]:
    """The same of a tool server."""
    return (
        _("This tool server cannot be used right now. An administrator can see why."),
        _("This tool server cannot be used right now."),
        _("This tool server cannot be reached right now."),
    )


def for_owner(error: Mapping[str, Any] | None, owner: Callable[[], Any]) -> dict[str, Any] | None:
    """`worded` for the owner of the error, whose account is looked up only if there is an error."""
    return worded(error, for_admin=owner().is_superuser) if error else None


def cause(error: Mapping[str, Any] | None, stored_text: str) -> str:
    """Why a server fails, for administrators: worded now, or the text that an earlier version stored."""
    if not error:
        return stored_text
    return str(in_full(error, for_admin=True))


def in_full(error: Mapping[str, Any], *, for_admin: bool, of_tool: bool = False) -> str:
    """A stored error as one text for this reader, with the provider's own words unless the text contains them."""
    shown = worded(error, for_admin=for_admin, of_tool=of_tool) or {}
    message, provider = shown.get("message", ""), str(shown.get("provider") or "").strip()
    return sentences.joined([message, provider]) if provider and provider not in message else message
