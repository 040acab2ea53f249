"""Input pictures and masks: from what a caller gives to files of theirs, and from files to bytes for an engine.

A caller gives a picture as an upload, or names it by data URL, by one of their own files (its URL or id), or by an
http(s) URL that everybody could open. Whatever it was, it becomes a `File` of theirs first, so that a job can be run
again after a restart.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.files.uploadedfile import UploadedFile

from chat import access as chat_access
from chat import files
from chat.file_addresses import named_id
from chat.files import stores
from chat.models import File
from imagegen import pictures
from imagegen.image_request import MAX_INPUTS, InputPicture
from imagegen.models import ImageJob
from providers import http
from providers.errors import BadRequest, CallerError, GatewayError
from providers.sentences import sentence as _

MAX_BYTES = 50 * 2**20  # of one input picture: what OpenAI takes, the largest that any provider does
FETCH_LIMITS = http.Limits(connect=10, first_byte=20, idle=20, total=60, max_bytes=MAX_BYTES)


def files_of(user: Any, given: Sequence[object], *, param: str = "image") -> list[File]:
    """The files behind rows, uploads and names, in order. Raises BadRequest, NotFound, TooLarge, which name `param`."""
    if len(given) > MAX_INPUTS:
        raise BadRequest(_("At most %d input pictures.") % MAX_INPUTS, param=param)
    with _about(param):
        return [_file_of(user, item, param) for item in given]


def file_from_bytes(user: Any, content: bytes, *, name: str = "") -> File:
    """A picture's bytes as a file of this person's. Raises BadRequest, TooLarge."""
    if len(content) > MAX_BYTES:
        raise pictures.too_large(MAX_BYTES)
    accepted = pictures.accept(content, name=name)
    return files.accept(user, accepted.content, name=name, context=files.upload_context())


def own_id(name: str) -> str:
    """The id of the file of this site that a name is the URL or the id of; empty for any other name."""
    file_id = named_id(name)
    return str(chat_access.as_uuid(file_id)) if file_id else ""


@contextmanager
def _about(param: str) -> Iterator[None]:
    """Errors of this block name the parameter that the picture came in: those of `chat.files` do not know it."""
    try:
        yield
    except CallerError as error:
        if error.param in ("image", "file"):
            error.param = param
        raise


def _file_of(user: Any, given: object, param: str) -> File:
    if isinstance(given, File):
        return given
    if isinstance(given, UploadedFile):
        if (given.size or 0) > MAX_BYTES:
            raise pictures.too_large(MAX_BYTES)
        return file_from_bytes(user, given.read(), name=given.name or "")
    if isinstance(given, str) and given.startswith("data:"):
        return file_from_bytes(user, pictures.from_data_url(given, max_bytes=MAX_BYTES))
    if isinstance(given, str) and (file_id := own_id(given)):
        row = chat_access.file_for(user, file_id)
        if not row.is_picture:
            raise BadRequest(_("This file is not a picture."), param=param)
        return row
    if isinstance(given, str) and given.startswith(("http://", "https://")):
        try:
            content, _type = http.fetch(given, limits=FETCH_LIMITS, reach=http.Reach.PUBLIC)
        except GatewayError as error:
            message = _("The picture at this address could not be fetched: %s") % error.message
            raise BadRequest(message, param=param, code=error.code) from error
        return file_from_bytes(user, content)
    raise BadRequest(_("Give each picture as a data URL, a file URL or a web address."), param=param)


def picture_of(row: File) -> InputPicture:
    """A stored picture as engines take it. Raises BadRequest, TooLarge."""
    return pictures.accept(stores.read(row.storage_name), name=row.name)


def mask_for(mask: File, images: Sequence[InputPicture]) -> InputPicture:
    """A stored mask, which has to fit the first of the pictures. Raises BadRequest (param `mask`)."""
    if not images:
        raise BadRequest(_("A mask needs the picture that it belongs to."), param="mask")
    with _about("mask"):
        return pictures.accept_mask(stores.read(mask.storage_name), images[0])


def of_job(job: ImageJob) -> tuple[tuple[InputPicture, ...], InputPicture | None]:
    """The job's input pictures in the order they were given, and its mask. Raises BadRequest when one was deleted."""
    by_id = {str(row.pk): row for row in job.inputs.all()}
    images = tuple(_present(by_id.get(file_id)) for file_id in job.input_order)
    return images, mask_for(job.mask, images) if job.mask else None


def context_of(job: ImageJob) -> files.FileContext:
    """The file context of this job."""
    return files.FileContext(chat=job.chat, message=job.message, session_id=job.session_id, expires_at=job.expires_at)


def ids_of(rows: Sequence[File]) -> list[str]:
    return [str(row.pk) for row in rows]


def _present(row: File | None) -> InputPicture:
    if row is None:
        raise BadRequest(_("An input picture of this job was deleted."), code="input_gone", param="image")
    return picture_of(row)
