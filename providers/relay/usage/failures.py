"""Whether a response with status 200 says that the call failed."""

import re
from json import JSONDecoder

from providers.errors import ProviderError
from providers.relay.usage.tail import Tail
from providers.sentences import sentence as _
from providers.upstream import endings, error_bodies

LAST_REASONS = 16  # members `finish_reason` that are looked at, from the end
ERROR_BYTES = 4096  # of an error object

_FINISH = re.compile(rb'"finish_reason"\s*:\s*"([^"\\]{1,60})"')
# An error in the form of a member (an object or words, not null), MiniMax's `base_resp`, or a line of a stream.
_ERROR = re.compile(
    rb'"error"\s*:\s*(?:\{|"[^"])|"base_resp"\s*:\s*\{[^{}]{0,200}"status_code"\s*:\s*-?[1-9]|(?:^|[\r\n])error:'
)

_MEMBER = re.compile(rb'"error"\s*:\s*')


def failed(tail: Tail) -> bool:
    """Whether the response tells of an error, or its last `finish_reason` is a provider's word for a failure."""
    text = tail.text
    if (b'"error"' in text or b'"base_resp"' in text or b"error:" in text) and _ERROR.search(text):
        return True
    end = len(text)
    for _reason in range(LAST_REASONS):
        start = text.rfind(b'"finish_reason"', 0, end)
        if start < 0:
            return False
        if match := _FINISH.match(text, start):
            return match[1].decode(errors="replace") not in endings.ORDINARY
        end = start  # null
    return False


def failure(tail: Tail) -> ProviderError:
    """The error of a response that has `failed`, with the provider's words or its word for the end."""
    text = tail.text
    if member := _MEMBER.search(text, max(text.rfind(b'"error"'), 0)):
        try:
            part = text[member.end() : member.end() + ERROR_BYTES]
            value, _end = JSONDecoder().raw_decode(part.decode(errors="replace"))
            return error_bodies.as_error(error_bodies.of_value(value), status=502)
        except (ValueError, RecursionError):
            pass  # it is longer, or no JSON
    reasons = [match[1].decode(errors="replace") for match in _FINISH.finditer(text)]
    return ProviderError(_("The answer failed at the provider."), code=reasons[-1] if reasons else None)
