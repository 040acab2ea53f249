"""Input pictures and masks: from what a caller names to files of theirs, and from files to bytes for an engine.

A caller names a picture by data URL, by one of their own files (its URL or id), or by an http(s) URL that everybody
could open. Whatever it was, it becomes a `File` of theirs first, so that a job can be run again after a restart.
"""

import re
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from chat import access as chat_access
from chat import files
from chat.files import stores
from chat.models import File
from imagegen import pictures
from imagegen.models import ImageJob
from imagegen.picture_request import MAX_INPUTS, InputPicture
from providers import http
from providers.errors import BadRequest, GatewayError

MAX_BYTES = 50 * 2**20  # of one input picture: what OpenAI takes, the largest that any provider does
FETCH_LIMITS = http.Limits(connect=10, first_byte=20, idle=20, total=60, max_bytes=MAX_BYTES)
_FILE_URL = re.compile(r"(?:https?://[^/]+)?/api/v1/files/([0-9a-fA-F-]{36})(?:/content)?/?(?:\?.*)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


def files_of(user: Any, named: object, *, param: str = "image") -> list[File]:
    """The files behind one or several names, in order. Raises BadRequest, NotFound, TooLarge; nothing is kept on
    failure.
    """
    given = named if isinstance(named, list | tuple) else [named]
    names = [name for name in given if isinstance(name, str) and name]
    if not names or len(names) < len(given):
        raise BadRequest(_("Name a picture by data URL, file URL or web address, or a list of these."), param=param)
    if len(names) > MAX_INPUTS:
        raise BadRequest(_("At most %d input pictures.") % MAX_INPUTS, param=param)
    return [_file_of(user, name, param) for name in names]


def file_from_bytes(user: Any, content: bytes, *, name: str = "", param: str = "image") -> File:
    """A picture that was uploaded with the request. Raises BadRequest, TooLarge."""
    accepted = pictures.accept(content, name=name)
    return files.accept(user, accepted.content, name=name, context=files.upload_context())


def own_id(name: str) -> str:
    """The id of the file of this site that a name stands for; empty for any other."""
    own = _FILE_URL.fullmatch(name)
    found = own[1] if own else name if _UUID.fullmatch(name) else ""
    return str(chat_access.as_uuid(found)) if found else ""


def _file_of(user: Any, name: str, param: str) -> File:
    if name.startswith("data:"):
        return file_from_bytes(user, pictures.from_data_url(name, max_bytes=MAX_BYTES), param=param)
    own = _FILE_URL.fullmatch(name)
    if own or _UUID.fullmatch(name):
        row = chat_access.file_for(user, own[1] if own else name)
        if not row.is_picture:
            raise BadRequest(_("This file is not a picture."), param=param)
        return row
    if name.startswith(("http://", "https://")):
        try:
            content, _type = http.fetch(name, limits=FETCH_LIMITS, reach=http.Reach.PUBLIC)
        except GatewayError as error:
            message = _("The picture at this address could not be fetched: %s") % error.message
            raise BadRequest(message, param=param, code=error.code) from error
        return file_from_bytes(user, content, param=param)
    raise BadRequest(_("Name a picture by data URL, file URL or web address, or a list of these."), param=param)


def picture_of(row: File) -> InputPicture:
    return pictures.accept(stores.read(row.storage_name), name=row.name)


def pictures_of(job: ImageJob) -> tuple[InputPicture, ...]:
    """The job's input pictures in the order they were named. Raises BadRequest when one has been deleted since."""
    rows = {str(row.pk): row for row in job.inputs.all()}
    return tuple(_present(rows.get(key)) for key in job.input_order)


def mask_of(job: ImageJob) -> InputPicture | None:
    return picture_of(job.mask) if job.mask else None


def _present(row: File | None) -> InputPicture:
    if row is None:
        raise BadRequest(_("An input picture of this job was deleted."), code="input_gone", param="image")
    return picture_of(row)


def ids_of(rows: Sequence[File]) -> list[str]:
    return [str(row.pk) for row in rows]
