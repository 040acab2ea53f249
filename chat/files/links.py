"""Links to the content of one file that work for an hour without a session or key, as OpenAI's `url` of a picture does.

What a link says is signed: the file and the end of the hour. It cannot be made to name another file.
"""

import time
from collections.abc import Mapping

from django.utils.crypto import constant_time_compare, salted_hmac

from chat import access
from chat.models import File

SECONDS = 3600
SALT = "chat.files.links"


def signed_address(row: File) -> str:
    """The signed path of a file's content, which works without a session; without a host."""
    expires = int(time.time()) + SECONDS
    return f"{row.url}?expires={expires}&signature={_signature(row.pk, expires)}"


def seconds_left(file_id: object, query: Mapping[str, str]) -> int:
    """The remaining seconds of the signed link in a query; 0 if it is not valid."""
    expires, signature = query.get("expires", ""), query.get("signature", "")
    if not (expires.isascii() and expires.isdecimal() and len(expires) < 12 and signature.isascii()):
        return 0
    left = int(expires) - int(time.time())
    is_ours = constant_time_compare(signature, _signature(access.as_uuid(file_id), int(expires)))
    return left if is_ours and 0 < left <= SECONDS else 0


def _signature(file_id: object, expires: int) -> str:
    return salted_hmac(SALT, f"{file_id}:{expires}", algorithm="sha256").hexdigest()
