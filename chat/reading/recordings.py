"""What is said in a recording: written down by the model behind the microphone, as the person who asks."""

import asyncio
import io
import secrets

from chat.files import stores
from chat.files.documents import RECORDINGS
from chat.models import File
from providers import json_bodies, relay
from providers.errors import ProviderError, TooLarge, UpstreamTimeout
from providers.facts import Caller
from providers.process import waiting
from providers.relay.forms import ReceivedForm
from providers.sentences import sentence as _

MAX_BYTES = 25_000_000  # of a recording: what OpenAI takes
MAX_ANSWER = 8_000_000  # bytes
SECONDS = 300.0  # a bound: an hour of speech takes a fast server less
SILENT = "[Nothing is said in this recording.]"


async def written_down(caller: Caller, model: str, row: File, *, chat_id: str = "", message_id: str = "") -> str:
    """The text of a recording. Raises GatewayError, FileNotFoundError."""
    if row.size > MAX_BYTES:
        raise TooLarge(_("A recording may have at most %d MB.") % (MAX_BYTES // 1_000_000))
    content = await waiting.in_own_thread(stores.read, row.storage_name)
    form = _form(model, f"recording{RECORDINGS[row.content_type]}", row.content_type, content)
    request = await relay.read_on_loop("transcriptions", caller, form, {})
    asked = relay.RelayRequest(
        request.operation, caller, request.payload, raw=request.raw, chat_id=chat_id, message_id=message_id
    )
    try:
        async with asyncio.timeout(SECONDS):
            answer = await relay.complete(asked, max_bytes=MAX_ANSWER)
    except TimeoutError as error:
        raise UpstreamTimeout(_("The provider took too long to answer.")) from error
    text = answer.get("text")
    if not isinstance(text, str):
        raise ProviderError(_("The model did not answer with a transcript."), code="invalid_answer")
    return str(json_bodies.storable(text)).strip() or SILENT


def _form(model: str, name: str, content_type: str, content: bytes) -> ReceivedForm:
    boundary = secrets.token_hex(16)
    fields = {"model": model, "response_format": "json"}
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    ]
    disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    head = f"{''.join(parts)}--{boundary}\r\n{disposition}\r\nContent-Type: {content_type}\r\n\r\n".encode()
    body = b"".join((head, content, f"\r\n--{boundary}--\r\n".encode()))
    return ReceivedForm(io.BytesIO(body), f"multipart/form-data; boundary={boundary}", len(body))
