"""The devices of a person that want to be told."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import QuerySet

from chat.models import PushDevice
from chat.push import keys
from providers.errors import BadRequest, Conflict, NotFound
from providers.sentences import sentence as _

MOST = 20  # devices of a person
LONGEST_ADDRESS = 2000  # characters
BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
            ("FxiOS", "Firefox"), ("Chrome", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari"))  # fmt: skip
SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
           ("Mac OS", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip


def of(user_id: int) -> QuerySet[PushDevice]:
    return PushDevice.objects.filter(user_id=user_id)


def keep(user_id: int, subscription: Mapping[str, Any], *, name: str) -> PushDevice:
    """Keep a browser's subscription, `{endpoint, p256dh, auth}`; one that is known changes hands.

    Raises BadRequest, and Conflict where a person has too many devices.
    """
    endpoint = str(subscription["endpoint"])
    if not _is_address(endpoint):
        raise BadRequest(_("This must be the https address of a push service."), param="endpoint")
    if not keys.are_keys(subscription["p256dh"], subscription["auth"]):
        raise BadRequest(_("These are no keys of a push subscription."), param="p256dh")
    digest = hashlib.sha256(endpoint.encode()).hexdigest()
    values = {
        "user_id": user_id,
        "endpoint": endpoint,
        "public": subscription["p256dh"],
        "auth": subscription["auth"],
        "name": name,
    }
    with transaction.atomic():
        if of(user_id).exclude(digest=digest).count() >= MOST:
            message = _("You can have at most %(count)d devices. Remove one first.") % {"count": MOST}
            raise Conflict(message, code="too_many_devices")
        row, _new = PushDevice.objects.update_or_create(digest=digest, defaults=values)
    return row


def device_for(user_id: int, device_id: int | str) -> PushDevice:
    """Raises NotFound."""
    row = of(user_id).filter(pk=device_id).first() if str(device_id).isdecimal() and len(str(device_id)) < 19 else None
    if row is None:
        raise NotFound(_("This device was not found. It may have been removed."))
    return row


def name_of(user_agent: str) -> str:
    """`Firefox, Windows`, as a browser names itself."""
    names = [
        next((name for mark, name in known if re.search(rf"\b{mark}", user_agent)), "") for known in (BROWSERS, SYSTEMS)
    ]
    return ", ".join(filter(None, names)) or "?"


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme == "https" and parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:
        return False
    plain = len(endpoint) <= LONGEST_ADDRESS and all(33 <= ord(character) < 127 for character in endpoint)
    return bool(usable and plain)
