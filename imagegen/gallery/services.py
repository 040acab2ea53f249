"""The verbs of a gallery: what is done with pictures of one's own. Another person's picture is NotFound."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction

from chat import files
from chat.access import as_uuid
from chat.models import File
from imagegen.models import PictureStar
from providers.errors import BadRequest, NotFound, TooLarge
from providers.sentences import sentence as _

MOST_PICTURES = 500  # of one action
BACK = {"star": "unstar", "unstar": "star", "delete": "restore", "restore": "delete"}  # what undoes each action


class PictureChange(NamedTuple):
    """An action of `BACK` on some pictures."""

    action: str
    ids: tuple[UUID, ...]


@transaction.atomic
def do(user: Any, change: PictureChange) -> list[PictureChange]:
    """Do it on all of these pictures, and return what undoes it for those that it changed.

    Raises NotFound when one of them is not theirs, BadRequest for too many. Then nothing is changed.
    """
    rows = own_pictures(user, change.ids, deleted=change.action == "restore")
    ids = [row.pk for row in rows]
    stars = PictureStar.objects.filter(file__in=ids)
    match change.action:
        case "star":
            starred = set(stars.values_list("file_id", flat=True))
            ids = [pk for pk in ids if pk not in starred]
            new = [PictureStar(file_id=pk, user_id=user.pk) for pk in ids]
            PictureStar.objects.bulk_create(new, ignore_conflicts=True)
        case "unstar":
            ids = list(stars.values_list("file_id", flat=True))
            stars.delete()
        case "delete":
            files.remove(user.pk, ids)
        case "restore":
            files.restore(user.pk, ids)
    return [PictureChange(BACK[change.action], tuple(ids))] if ids else []


def own_pictures(user: Any, ids: Sequence[UUID], *, deleted: bool = False) -> list[File]:
    """These pictures of this person's, newest first. Raises as `do`."""
    if len(ids) > MOST_PICTURES:
        raise BadRequest(_("Choose at most %d pictures at once.") % MOST_PICTURES, code="too_many", param="ids")
    present = File.everything.filter(owner_id=user.pk, deleted_at__isnull=not deleted)
    rows = list(present.filter(pk__in=ids, content_type__startswith="image/").order_by("-created", "-pk"))
    if len(rows) < len(set(ids)):
        raise NotFound(_("This picture was not found. It may have been deleted."), code="picture_not_found")
    return rows


def for_archive(user: Any, ids: Sequence[UUID]) -> list[File]:
    """As `own_pictures`. Raises TooLarge, too: what is the limit for an archive of everything is one for these."""
    rows, limit = own_pictures(user, ids), settings.EXPORT_MAX_BYTES
    if limit and sum(row.size for row in rows) > limit:
        raise TooLarge(_("These are more than %d MB together. Choose fewer.") % (limit // 1_000_000))
    return rows


def star(user: Any, file_id: object, *, is_good: bool) -> None:
    """Mark a picture of this person's as one that they like, or no longer. Raises NotFound."""
    do(user, PictureChange("star" if is_good else "unstar", (as_uuid(file_id),)))


def is_starred(row: File) -> bool:
    return PictureStar.objects.filter(file=row).exists()
