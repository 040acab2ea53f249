"""Tell a person's devices that an answer or a picture is ready.

The process in which it became ready sends, so that it is sent once. Nothing of the chat's text goes along unless the
person wants it (`notice_text` among the preferences). What is sent is encrypted for the device; the push service sees
when, and how much.
"""

import asyncio
import json
import logging
import uuid
from dataclasses import asdict, dataclass
from typing import Any, Literal

from django.contrib.auth import get_user_model
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from chat.loop import in_thread, spawn
from chat.models import Message, PushDevice
from chat.push import keys, looking
from providers import http
from providers.errors import GatewayError

LIMITS = http.Limits(connect=5, first_byte=15, idle=15, total=20, max_bytes=2**16)
GONE = (404, 410)  # https://www.rfc-editor.org/rfc/rfc8030#section-7.3: the subscription has ended
KEEP_SECONDS = 24 * 3600  # how long a push service keeps it for a device that is off
EXCERPT, TITLE = 160, 80  # characters
End = Literal["told", "gone", "failed"]  # of a message to a device

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadyNotice:
    """What a device shows; one with the same tag takes its place."""

    title: str
    body: str
    url: str
    tag: str


async def answer_ready(message_id: uuid.UUID) -> None:
    """Never raises: the answer is there, whether it is told or not."""
    await _tell(_about_answer, message_id)


def picture_ready(user_id: int, job_id: object) -> None:
    """From any thread."""

    async def tell() -> None:
        await _tell(_about_picture, user_id, job_id)

    spawn(tell, name="notice of a picture")


async def _tell(about: Any, *args: Any) -> None:
    try:
        work = await in_thread(about, *args)
        if work is None:
            return
        notice, row, devices = work
        content = json.dumps(asdict(notice)).encode()
        ends = await asyncio.gather(*(_send(device, row, content) for device in devices))
        await in_thread(_note, devices, ends)
    except Exception:  # whatever it is, nobody waits for it
        logger.exception("A notice was not sent")


def _about_answer(message_id: uuid.UUID) -> Any:
    message = Message.objects.select_related("chat").filter(pk=message_id, chat__deleted_at=None).first()
    if message is None:
        return None
    url, tag = f"/c/{message.chat_id}", str(message.pk)
    text = " ".join(message.content.split())[:EXCERPT]
    return _to_send(message.chat.user_id, lambda: _("Your answer is ready"), url, tag, message.chat.title[:TITLE], text)


def _about_picture(user_id: int, job_id: object) -> Any:
    return _to_send(user_id, lambda: _("Your picture is ready"), "/images", str(job_id), "", "")


def _to_send(user_id: int, word: Any, url: str, tag: str, title: str, text: str) -> Any:
    """The notice, the key of this site and the devices; None where nobody is to be told."""
    devices = list(PushDevice.objects.filter(user_id=user_id, user__is_active=True))
    if not devices or looking.is_looking(user_id):
        return None
    chosen = get_user_model()._default_manager.values_list("preferences", flat=True).get(pk=user_id)
    with translation.override(chosen.get("language") or translation.get_language()):
        words = word()
    if chosen.get("notice_text"):
        return ReadyNotice(title or words, text or words, url, tag), keys.key_pair(), devices
    return ReadyNotice(words, "", url, tag), keys.key_pair(), devices


async def _send(device: PushDevice, row: Any, content: bytes) -> End:
    """→ what became of it."""
    try:
        headers = {
            "Authorization": keys.authorization(row, device.endpoint),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(KEEP_SECONDS),
            "Urgency": "normal",
        }
        body = keys.sealed(content, public=device.public, auth=device.auth)
        secrets = http.secrets_of([device.auth], (), device.endpoint)
        # Browsers name the address: it may lead to the public internet alone.
        options: dict[str, Any] = {"limits": LIMITS, "reach": http.Reach.PUBLIC, "secrets": secrets}
        async with http.stream("POST", device.endpoint, headers=headers, body=body, **options) as answer:
            await answer.read(LIMITS.max_bytes or 0)
        if answer.status in GONE:
            return "gone"
        if answer.status >= 300:
            logger.warning("A push service answered %s", answer.status)
            return "failed"
        return "told"
    except (GatewayError, ValueError) as error:
        logger.warning("A device could not be told: %s", type(error).__name__)
        return "failed"


def _note(devices: list[PushDevice], ends: list[End]) -> None:
    """Devices that ended their subscription are removed."""
    by_end: dict[End, list[int]] = {"told": [], "gone": [], "failed": []}
    for device, end in zip(devices, ends, strict=True):
        by_end[end].append(device.pk)
    PushDevice.objects.filter(pk__in=by_end["gone"]).delete()
    PushDevice.objects.filter(pk__in=by_end["told"]).update(last_told=timezone.now())
