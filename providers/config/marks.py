"""The mark of a flat form as it was read, against two programs that save it at once.

`GET` sends it as `ETag`; a form that is sent with it (`If-Match`) is refused where somebody changed the rows since.
Without it a form is saved as it always was.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.crypto import salted_hmac

from providers import json_bodies
from providers.errors import Conflict
from providers.sentences import sentence as _

SALT = "flat-form"


def mark_of(form: Mapping[str, Any], secrets: list[Any]) -> str:
    """The mark of a form with these values and the secrets behind its masks, as an `ETag`."""
    return f'"{salted_hmac(SALT, json_bodies.canonical([form, secrets])).hexdigest()[:32]}"'


def check(sent: str, stored: str) -> None:
    """Raise Conflict (412) if a form was sent with another mark than the stored values have. `sent` may be empty."""
    marks = [mark.strip().removeprefix("W/") for mark in sent.split(",")]  # a proxy that packs makes marks weak
    if sent and "*" not in marks and stored not in marks:
        raise Conflict(
            _("Somebody changed these settings since they were read. Read them again, then save."),
            code="changed_meanwhile",
            status=412,
        )
