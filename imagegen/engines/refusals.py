"""A provider's refusal as one of our errors: its words kept, its status kept, and whether trying again helps.

Bodies are read defensively: OpenAI's shape, numbers or texts as codes, `error` as a text, `detail` as a text or a list,
API managers' `{"statusCode", "message"}`, Google's one-element array, a proxy's page.
"""

import email.utils
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.utils.translation import gettext as _

from imagegen.engines import words
from providers.errors import ContentRefused, ProviderError
from providers.http import BlockingAnswer

REFUSED_CODES = {
    "moderation_blocked",
    "content_policy_violation",
    "content_filter",
    "contentfilter",
    "responsibleaipolicyviolation",
    "image_content_policy_violation",
    "refusal",
}
REFUSED_TYPES = {"image_generation_user_error"}
REFUSED_WORDS = re.compile(
    r"safety system|safety_violations|content[ _]policy|moderation[ _]blocked|content filter", re.IGNORECASE
)
NO_MONEY_CODES = {
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "payment_required",
    "billing_hard_limit_reached",
}
RETRYABLE = {408, 409, 425, 429, 500, 502, 503, 504, 524, 529}
RETRYABLE_CODES = {  # where no status says it: in a started stream, or in a body that came with 200
    "rate_limit_exceeded",
    "rate_limit_error",
    "slow_down",
    "server_error",
    "server_is_overloaded",
    "service_unavailable_error",
    "overloaded_error",
    "provider_overloaded",
    "provider_unavailable",
    "server",
    "timeout",
}
_UNKNOWN_CODES = {"unknown_parameter", "unsupported_parameter", "extra_forbidden"}
_UNKNOWN_WORDS = re.compile(
    r"unknown (?:parameter|argument|field)|unsupported (?:parameter|field)|UnsupportedParams"
    r"|unrecogni[sz]ed (?:request )?(?:argument|parameter)|unexpected (?:field|keyword argument)"
    r"|does not support (?:the )?param|extra (?:inputs|fields) (?:are )?not permitted",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Said:
    """What an error body says. `code` is a text or empty: numbers are only the status again."""

    message: str
    code: str = ""
    type: str = ""
    param: str = ""
    detail: Mapping[str, Any] | None = None  # the whole error object, for the dialect's own members


def read(body: bytes) -> Said:
    """The provider's words in a body of any shape; never raises."""
    try:
        value = orjson.loads(body)
    except ValueError:
        return Said(words.clean(body[:20_000].decode("utf-8", "replace")))
    if isinstance(value, list) and value:
        value = value[0]  # Google's way off the SSE path
    if not isinstance(value, dict):
        return Said(words.clean(str(value)))
    return said_by(value.get("error") or value)


def said_by(error: Any) -> Said:
    """The words of an `error` member, which may be an object or a text."""
    if not isinstance(error, dict):
        return Said(words.clean(str(error)))
    inner, metadata = error.get("innererror"), error.get("metadata")
    codes = [_text(error.get("code")), _text(error.get("status"))]  # Google's class stands in `status`
    if isinstance(inner, dict):
        codes.append(_text(inner.get("code")))
    code = next((one for one in codes if one and not one.lstrip("-").isdigit()), "")
    message, param = _text(error.get("message")), _text(error.get("param"))
    if isinstance(metadata, dict):  # OpenRouter's: its own class of error, and the words of the provider behind it
        code = _text(metadata.get("error_type")) or code
        if raw := metadata.get("raw"):
            behind = read(raw.encode()) if isinstance(raw, str) else said_by(raw)
            message = f"{message}: {behind.message}" if behind.message else message
    if not message:
        message, param, code = _from_detail(error.get("detail", error.get("errors", "")), code)
    kind = _text(error.get("type"))
    return Said(words.clean(message), code, kind, param, error)


def _from_detail(detail: Any, code: str) -> tuple[str, str, str]:
    """FastAPI's `detail`: a text, or a list of {loc, msg, type}. The rejected input itself is not repeated."""
    if not isinstance(detail, list):
        return _text(detail), "", code
    entries = [one for one in detail if isinstance(one, dict)]
    sentences = [f"{_text((one.get('loc') or [''])[-1])}: {_text(one.get('msg'))}" for one in entries]
    param = next((_text((one.get("loc") or [""])[-1]) for one in entries), "")
    return "; ".join(sentences) or _text(detail), param, code or next((_text(one.get("type")) for one in entries), "")


def error_for(answer: BlockingAnswer, said: Said | None = None) -> ProviderError:
    """An answer of 400 and above as our error."""
    said = said or read(answer.content)
    return as_error(said, status=answer.status, wait=wait_of(answer.headers))


def as_error(said: Said, *, status: int = 0, wait: float | None = None) -> ProviderError:
    """What a provider said, in the answer or in mid-stream (`status` 0: none was given), as our error."""
    code, known = said.code, status or _status_in(said.detail)
    status = known or 502
    if is_content_refusal(said):
        return ContentRefused(_("The provider's safety rules refused this picture."), provider=said.message)
    if code.lower() in NO_MONEY_CODES or said.type.lower() in NO_MONEY_CODES or (status == 402 and wait is None):
        message = _("The account at the provider has no credit left.")
        return ProviderError(message, code=code or "insufficient_quota", provider=said.message, status=status)
    return ProviderError(
        _sentence(status),
        code=code or _code(status),
        param=said.param or None,
        provider=said.message,
        retry_after=wait,
        retryable=_is_passing(known, said) or (status == 402 and wait is not None),
        status=status,
    )


def _is_passing(status: int, said: Said) -> bool:
    return status in RETRYABLE if status else bool({said.code, said.type} & RETRYABLE_CODES)


def is_content_refusal(said: Said) -> bool:
    """By code and type first; by the message only when neither says anything."""
    if said.code.lower() in REFUSED_CODES or said.type.lower() in REFUSED_TYPES:
        return True
    metadata = (said.detail or {}).get("metadata")
    if isinstance(metadata, dict) and (
        _text(metadata.get("error_type")) in REFUSED_CODES or metadata.get("flagged_input")
    ):
        return True
    return not said.code and bool(REFUSED_WORDS.search(said.message))


def unknown_parameters(said: Said, sent: set[str]) -> set[str]:
    """Which of the parameters that we sent the provider calls unknown or unsupported; none when it means otherwise."""
    if said.code not in _UNKNOWN_CODES and not _UNKNOWN_WORDS.search(said.message):
        return set()
    if said.param.partition("[")[0] in sent:
        return {said.param.partition("[")[0]}
    return sent & set(_NAME.findall(said.message))


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: `retry-after-ms`, else `Retry-After` in seconds or as a date; None when neither makes sense."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            seconds = float(value) * scale
        except ValueError:
            parsed = email.utils.parsedate_tz(value) if value else None
            if parsed is None:
                continue
            seconds = email.utils.mktime_tz(parsed) - time.time()
        if 0 <= seconds < 86_400 * 366:
            return seconds
    return None


def _status_in(detail: Mapping[str, Any] | None) -> int:
    """A numeric code in an error object that came with HTTP 200 is the status it should have had."""
    code = _text((detail or {}).get("code"))
    return int(code) if re.fullmatch(r"[45]\d\d", code) else 0


def _code(status: int) -> str:
    known = {401: "invalid_api_key", 403: "permission_denied", 404: "not_found", 429: "rate_limit_exceeded"}
    return known.get(status, "provider_error")


def _sentence(status: int) -> str:
    if status == 401:
        return _("The provider does not accept the key.")
    if status == 403:
        return _("The provider does not allow this.")
    if status == 404:
        return _("The provider does not know this model or address.")
    if status == 429:
        return _("The provider has too much to do for us just now.")
    if status >= 500 or status == 408:
        return _("The provider has a fault just now.")
    return _("The provider refused the request.")


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)
