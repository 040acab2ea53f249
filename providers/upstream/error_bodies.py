"""A provider's error response as one of our errors: its words, code, status, and whether and when to try again.

Bodies are read defensively. Shapes in use: `{"error": {"message", "code", "type", "param"}}` (OpenAI), `{"error":
"text"}`, `{"detail": "text" | [{"loc", "msg", "type"}]}` (FastAPI), `{"statusCode", "message"}` (API managers),
`{"errors": [...]}`, `{"title"}` (RFC 9457), a list of one object (Google), `error.metadata.raw` (the provider behind
OpenRouter), numbers as codes, plain text, HTML pages of proxies, nothing at all.
"""

import email.utils
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise

from providers import json_bodies
from providers.dialects import anthropic_errors
from providers.errors import ContentRefused, CredentialRefused, ProviderError
from providers.sentences import Sentence
from providers.sentences import sentence as _
from providers.stored_errors import NO_CREDIT_CODES
from providers.upstream import words

MAX_JSON = 2**16  # bytes; a longer error is read as plain text
LONGEST_WAIT = 86_400 * 366  # seconds that a server may ask for
MAX_PLAIN = 20_000  # bytes of a body that is no JSON
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
RETRYABLE = {408, 409, 425, 429}  # and every status of 500 and above
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
_UNSUPPORTED_VALUE = "unsupported_value"
_UNKNOWN_WORDS = re.compile(
    r"unknown (?:parameter|argument|field)|unsupported (?:parameter|field)|UnsupportedParams"
    r"|unrecogni[sz]ed (?:request )?(?:argument|parameter)|unexpected (?:field|keyword argument)"
    r"|does not support (?:the )?param|extra (?:inputs|fields) (?:are )?not permitted",
    re.IGNORECASE,
)
# OpenAI's code and llama.cpp's type; others say it in words. docs/upstreams/openai.md, “Errors”.
_TOO_LONG_CODES = {"context_length_exceeded", "exceed_context_size_error"}
_TOO_LONG_WORDS = re.compile(
    r"maximum (?:context|prompt) length|exceeds? (?:the )?(?:available |model'?s? )?context|context window"
    r"|(?:prompt|input) is too long|input token count.{0,40}exceeds",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Members that may hold a sentence, in any shape.
_TEXT_KEYS = """
    error message detail errors msg title base_resp status_msg errorMsg errorMessage error_msg error_message
    """.split()  # noqa: SIM905  words read better than quoted words


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The content of an error body. `message` is one line; `code` is a name or empty: numbers repeat the status."""

    message: str
    code: str = ""
    type: str = ""
    param: str = ""
    detail: Mapping[str, Any] | None = None  # the whole error object, for members that only one provider has


# --- reading ----------------------------------------------------------------------------------------------------------


def read(body: bytes) -> ErrorBody:
    """An error body of any shape; never raises."""
    try:
        value = json_bodies.parse_response(body) if len(body) <= MAX_JSON else None
    except ValueError:
        value = None
    if value is None:
        return ErrorBody(words.clean(body[:MAX_PLAIN].decode("utf-8", "replace")))
    if isinstance(value, list):
        value = value[0] if value else {}
    return of_value((value.get("error") or value) if isinstance(value, dict) else value)


def openai_shape(error: ErrorBody, status: int) -> dict[str, Any]:
    """A provider's error of this status in OpenAI's shape, for a client of another form than the provider's."""
    shape = {"message": error.message or f"HTTP {status}", "type": error.type or "provider_error"}
    return {"error": {**shape, "param": error.param or None, "code": error.code or None}}


def anthropic_shape(error: ErrorBody, status: int) -> dict[str, Any]:
    """The same in Anthropic's shape."""
    return anthropic_errors.body_of(status, error.message or f"HTTP {status}")


def provider_words(body: bytes) -> str:
    """The sentence in an error body, one line; empty where there is none."""
    return read(body).message


def has_failed_inside(value: Mapping[str, Any]) -> bool:
    """Whether a body or frame says in MiniMax's member `base_resp` that the call failed. 0 is its code of success.

    https://platform.minimax.io/docs/api-reference/errorcode
    """
    base = value.get("base_resp")
    return isinstance(base, dict) and base.get("status_code") not in (0, "0", None)


def of_value(error: Any) -> ErrorBody:
    """The content of an `error` member that is parsed already: an object or a text."""
    if not isinstance(error, dict):
        return ErrorBody(words.clean(_text(error)))
    inner, metadata = error.get("innererror"), error.get("metadata")
    codes = [_text(error.get("code")), _text(error.get("status"))]  # Google's name of the error
    if isinstance(inner, dict):
        codes.append(_text(inner.get("code")))
    code = next((text for text in codes if text and not text.lstrip("-").isdigit()), "")
    message, param = _sentence_in(error.get("message")), _text(error.get("param"))
    if isinstance(metadata, dict):  # OpenRouter: its own type of error, and the words of the provider behind it
        code = _text(metadata.get("error_type")) or code
        if raw := metadata.get("raw"):
            inner_body = read(raw.encode()) if isinstance(raw, str) else of_value(raw)
            message = f"{message}: {inner_body.message}" if inner_body.message else message
    if not message and isinstance(detail := error.get("detail") or error.get("errors"), list):
        message, param, code = _from_entries(detail, code)
    message = message or _sentence_in(error)
    return ErrorBody(words.clean(message), code, _text(error.get("type")), param, error)


def _from_entries(entries: list[Any], code: str) -> tuple[str, str, str]:
    """Message, param and code from FastAPI's list of {loc, msg, type}; without the input that was rejected."""
    located = [(_last(entry.get("loc")), entry) for entry in entries if isinstance(entry, dict) and "msg" in entry]
    if not located:
        return _sentence_in(entries), "", code
    sentences = [f"{name}: {_text(entry['msg'])}" if name else _text(entry["msg"]) for name, entry in located]
    return "; ".join(sentences), located[0][0], code or _text(located[0][1].get("type"))


def _last(loc: Any) -> str:
    return _text(loc[-1]) if isinstance(loc, list) and loc else ""


def _sentence_in(value: Any) -> str:
    """The first sentence in a value of any shape; empty where it holds none."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(text for item in value[:5] if (text := _sentence_in(item)))
    if isinstance(value, dict):
        return next((text for key in _TEXT_KEYS if (text := _sentence_in(value.get(key)))), "")
    return ""


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: `retry-after-ms`, else `Retry-After` in seconds or as a date; None where neither can be read."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = (headers.get(name) or headers.get(name.title()) or "").strip()
        try:
            seconds = float(value) * scale
        except ValueError:
            parsed = email.utils.parsedate_tz(value) if value else None
            if parsed is None:
                continue
            seconds = email.utils.mktime_tz(parsed) - time.time()
        if 0 <= seconds < LONGEST_WAIT:
            return seconds
    return None


def wait_after(status: int, headers: Mapping[str, str]) -> float | None:
    """The seconds to wait after a response with this status; None where its headers do not say."""
    return rest_after(headers) if status == 429 else wait_of(headers)


def rest_after(headers: Mapping[str, str]) -> float | None:
    """The seconds until a reached rate limit is over: what `wait_of` says, else the longest reset of a limit of which
    nothing remains; None where neither is there. Sources: docs/upstreams/openai.md, “Rate limits and quota”.
    """
    given = {name.lower(): value.strip() for name, value in headers.items()}
    wait = wait_of(given)
    if wait is not None:
        return wait
    resets = []
    for name, value in given.items():
        if match := _RESET.fullmatch(name):
            of = match["of"] or match["of_reset"] or ""
            remaining = given.get(f"{match['prefix']}remaining{'-' if of else ''}{of}")
            remaining = remaining or given.get(f"{match['prefix']}{of}-remaining")
            if (remaining is None or _is_zero(remaining)) and (seconds := _seconds_until(value)) is not None:
                resets.append(seconds)
    return max(resets, default=None)


# `x-ratelimit-reset-tokens` (OpenAI, Azure, Groq), `x-ratelimit-reset` (OpenRouter, GitHub),
# `anthropic-ratelimit-tokens-reset` (Anthropic).
_RESET = re.compile(r"(?P<prefix>(?:x|anthropic)-ratelimit-)(?:reset(?:-(?P<of>[a-z-]+))?|(?P<of_reset>[a-z-]+)-reset)")
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_UNITS = (86_400, 3600, 60, 1, 0.001)
_EPOCH, _EPOCH_MS = 1e9, 1e12  # larger numbers are times, in seconds and in milliseconds


def _is_zero(text: str) -> bool:
    try:
        return float(text) <= 0
    except ValueError:
        return True


def _seconds_until(value: str) -> float | None:
    """The seconds until a reset: `6m0s`, `120ms`, `59.7`, a time in seconds or milliseconds, or a date."""
    try:
        number = float(value)
    except ValueError:
        if value and (match := _DURATION.fullmatch(value)):
            number = sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS, strict=True) if part)
        else:
            try:
                number = datetime.fromisoformat(value).timestamp()
            except ValueError:
                return None
    if number >= _EPOCH:
        number = number / (1000 if number >= _EPOCH_MS else 1) - time.time()
    return number if 0 <= number < LONGEST_WAIT else None


# --- errors -----------------------------------------------------------------------------------------------------------


def error_of(
    status: int, body: bytes, headers: Mapping[str, str], *, refused: str | Promise | None = None
) -> ProviderError:
    """The error for a response of 400 and above. `refused`: our sentence for content that safety rules refused."""
    return as_error(read(body), status=status, wait=wait_after(status, headers), refused=refused)


def as_error(
    body: ErrorBody, *, status: int = 0, wait: float | None = None, refused: str | Promise | None = None
) -> ProviderError:
    """Our error for an error body, in a response or in a stream (`status` 0: there is none)."""
    code, given_status = body.code, status or _status_in(body.detail)
    status = given_status or 502
    if is_content_refusal(body):
        return ContentRefused(
            refused or _("The provider's safety rules refused this."),
            provider=body.message,
            provider_code=code,
            param=body.param or None,
        )
    if code.lower() in NO_CREDIT_CODES or body.type.lower() in NO_CREDIT_CODES or (status == 402 and wait is None):
        message = _("The account at the provider has no credit left.")
        return ProviderError(message, code=code or "insufficient_quota", provider=body.message, status=status)
    return ProviderError(
        _sentence_for(status) % {"status": status},
        code=code or _CODES.get(status, "provider_error"),
        param=body.param or None,
        provider=body.message,
        retry_after=wait,
        retryable=_is_passing(given_status, body) or (status == 402 and wait is not None),
        status=status,
    )


def of_own_credential(error: ProviderError) -> ProviderError:
    """The error of a call that was made with the caller's own credential.

    A refused credential is then for the caller to mend, and not for administrators.
    """
    if not error.is_fault:
        return error
    return CredentialRefused(
        _own_sentence_for(error.status) % {"status": error.status},
        param=error.param,
        provider=error.provider,
        provider_code=error.provider_code or error.code,
        status=error.status,
    )


@contextmanager
def with_own_credential(is_own: bool) -> Iterator[None]:
    """Have errors of the calls in this block be those `of_own_credential`, if `is_own`."""
    try:
        yield
    except ProviderError as error:
        if not is_own:
            raise
        raise of_own_credential(error) from error.__cause__


def _own_sentence_for(status: int) -> Sentence:
    if status == 401:
        return _("The provider does not accept your sign-in (%(status)s). Sign out, then sign in and try again.")
    if status == 403:
        return _(
            "The provider does not allow this to your account (%(status)s). Ask for access there, or choose another"
            " model."
        )
    return _("Your account at the provider has no credit left (%(status)s).")


def is_content_refusal(body: ErrorBody) -> bool:
    """Whether safety rules refused the content: by code and type, and by the message where there is no code."""
    if body.code.lower() in REFUSED_CODES or body.type.lower() in REFUSED_TYPES:
        return True
    metadata = (body.detail or {}).get("metadata")
    if isinstance(metadata, dict) and (
        _text(metadata.get("error_type")) in REFUSED_CODES or metadata.get("flagged_input")
    ):
        return True
    return not body.code and bool(REFUSED_WORDS.search(body.message))


def is_too_long(status: int, body: ErrorBody) -> bool:
    """Whether the request has more tokens than the model takes. docs/upstreams/openai.md, “Errors”."""
    if status not in (400, 413, 422):
        return False
    if body.code.lower() in _TOO_LONG_CODES or body.type.lower() in _TOO_LONG_CODES:
        return True
    return bool(_TOO_LONG_WORDS.search(body.message))


def unknown_parameters(body: ErrorBody, sent: set[str]) -> set[str]:
    """The parameters that we sent and that the provider calls unknown or unsupported; empty for other errors."""
    if body.code not in _UNKNOWN_CODES and not _UNKNOWN_WORDS.search(body.message):
        return set()
    if body.param.partition("[")[0] in sent:
        return {body.param.partition("[")[0]}
    return sent & set(_NAME.findall(body.message))


def unsupported_value(body: ErrorBody, sent: set[str]) -> str:
    """The parameter of ours whose value the model does not take, though others; empty for other errors."""
    name = re.split(r"[.\[]", body.param, maxsplit=1)[0]
    return name if body.code == _UNSUPPORTED_VALUE and name in sent else ""


def is_worth_a_retry(status: int) -> bool:
    """Whether the same request may be answered later."""
    return status in RETRYABLE or status >= 500


def _is_passing(status: int, body: ErrorBody) -> bool:
    """Whether the same request may succeed later."""
    if status:
        return is_worth_a_retry(status)
    return bool({body.code, body.type} & RETRYABLE_CODES)


def _status_in(detail: Mapping[str, Any] | None) -> int:
    """The status in the numeric code of an error object, which may come with HTTP 200; 0 without one."""
    code = _text((detail or {}).get("code"))
    return int(code) if re.fullmatch(r"[45]\d\d", code) else 0


_CODES = {401: "invalid_api_key", 403: "permission_denied", 404: "not_found", 429: "rate_limit_exceeded"}


def _sentence_for(status: int) -> Sentence:
    if status == 401:
        return _("The provider does not accept the key (%(status)s).")
    if status == 403:
        return _("The provider does not allow this (%(status)s).")
    if status == 404:
        return _("The provider does not know this model or address (%(status)s).")
    if status == 429:
        return _("The provider's rate limit is reached (%(status)s). Try again later.")
    if status >= 500 or status == 408:
        return _("The provider has a problem right now (%(status)s). Try again later.")
    return _("The provider refused the request (%(status)s).")


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)
