"""The queries of the pictures page; their number does not grow with the rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from chat.access import as_uuid
from chat.models import File
from chat.pages import cursors
from imagegen.gallery.filters import PictureFilters, pictures_of
from imagegen.image_request import MAX_PICTURES
from imagegen.models import ImageJob
from providers import catalogue
from providers.errors import NotFound
from providers.facts import Caller
from providers.pricing import money
from providers.relay.usage import receipts

PAGE_SIZE = 30  # pictures at first, and at each step downwards; more where one request made the last of them
NEAR = 8  # pictures of the first page that are on the screen at once: the browser loads them without waiting
FAILED_FOR = timedelta(hours=1)  # how long a failure stands on the page
FAILED_SHOWN = 3
SAMPLED = 60  # of the newest pictures: whose engine is among them has a sample


@dataclass(frozen=True, slots=True)
class Gallery:
    """A page of pictures, newest first; `cursor` leads to the next page, empty at the end."""

    pictures: list[File]
    cursor: str = ""
    is_first: bool = True

    def near(self) -> set[Any]:
        """The ids of the pictures that one sees without scrolling."""
        return {row.pk for row in self.pictures[:NEAR]} if self.is_first else set()

    def groups(self) -> list[list[File]]:
        """The pictures in groups: those that one request made stand together."""
        return [list(group) for _request, group in groupby(self.pictures, key=_request_of)]


def _request_of(row: File) -> str:
    """The key that groups the pictures of one request; a picture without a request has its own."""
    return str(row.provenance.get("job") or row.pk)


def gallery(user: Any, filters: PictureFilters, *, cursor: str = "") -> Gallery:
    """The person's pictures. All pictures of a request are on one page. One query."""
    pictures, next_cursor = cursors.page_of(
        pictures_of(user, filters),
        cursor,
        by="created",
        size=PAGE_SIZE,
        group=_request_of,
        spare=MAX_PICTURES - 1,
        oldest_first=bool(filters.sort),
    )
    return Gallery(pictures, next_cursor, is_first=not cursor)


def samples(user: Any, engines: Iterable[str]) -> dict[str, str]:
    """Engine's name → address of a picture that it drew for this person lately. One query."""
    drawn = pictures_of(user, PictureFilters()).filter(provenance__engine__in=list(engines)).order_by("-created")
    return {row.provenance["engine"]: row.url for row in reversed(drawn[:SAMPLED])}


def shown_jobs(user: Any) -> list[ImageJob]:
    """Open jobs, and failed ones of the last `FAILED_FOR` that belong to no chat; newest first. Two queries.

    `before` of each is how many waiting jobs of its engine come first; None for none.
    """
    earlier = ImageJob.objects.filter(
        state=ImageJob.State.QUEUED, engine=OuterRef("engine"), created__lt=OuterRef("created")
    )
    before = Subquery(earlier.order_by().values("engine").annotate(count=Count("pk")).values("count"))
    own = (
        ImageJob.objects.filter(user_id=user.pk, expires_at=None).select_related("engine", "user").order_by("-created")
    )
    own = own.annotate(before=before)
    recent = timezone.now() - FAILED_FOR
    failed = own.filter(state=ImageJob.State.FAILED, ended__gte=recent, chat=None)
    return sorted([*own.open(), *failed[:FAILED_SHOWN]], key=lambda job: job.created, reverse=True)


def facts(row: File) -> list[tuple[str, str]]:
    """The provenance of a picture as labels and values; unknown values are left out."""
    made = row.provenance
    labelled = [
        (_("Prompt"), made.get("prompt")),
        (_("Improved prompt"), made.get("revised_prompt")),
        (_("Original words"), made.get("original_prompt")),
        (_("Without"), made.get("negative_prompt")),
        (_("Engine"), made.get("engine")),
        (_("Model"), made.get("model")),
        (_("Seed"), made.get("seed")),
        (_("Steps"), made.get("steps")),
        (_("Size"), f"{row.width} × {row.height}" if row.width and row.height else ""),
        (_("Type"), row.content_type.partition("/")[2].upper()),
    ]
    prompt = made.get("prompt")
    return [
        (label, str(value))
        for label, value in labelled
        if value not in (None, "") and not (value == prompt and label != _("Prompt"))
    ]


def spent(row: File, caller: Caller) -> list[tuple[str, str]]:
    """What the job of a picture used and cost, as labels and values; none without a receipt that `caller` may read."""
    made = row.provenance
    if not made.get("job") or made.get("demo"):
        return []
    try:
        calls = receipts.calls_of(caller, str(made["job"]))
    except NotFound:  # such as one of long ago
        return []
    words = money.in_words(receipts.cost_of(calls), catalogue.snapshot_blocking().gateway, _("unknown"))
    if (pictures := sum(call.images for call in calls)) > 1:
        words = _("%(cost)s for %(n)d pictures") % {"cost": words, "n": pictures}
    tokens = [
        (_("Tokens in"), sum(call.tokens_in for call in calls)),
        (_("Tokens out"), sum(call.tokens_out for call in calls)),
    ]
    return [*((label, number_format(n, force_grouping=True)) for label, n in tokens if n), (_("Cost"), words)]


def inputs_of(row: File) -> list[File]:
    """The pictures that this one was edited from, in order; without those that its owner no longer has."""
    ids = [as_uuid(file_id) for file_id in row.provenance.get("inputs", ())]
    rows = File.objects.filter(owner_id=row.owner_id).in_bulk(ids)
    return [rows[file_id] for file_id in ids if file_id in rows]


def request_of(row: File) -> dict[str, Any] | None:
    """The API's request that draws another picture like this; None for one that was not drawn here."""
    made = row.provenance
    if not made.get("prompt"):
        return None
    job = ImageJob.objects.filter(pk=as_uuid(made.get("job")), user_id=row.owner_id).first()
    if job is None:
        return {"prompt": made["prompt"]}
    members = ("prompt", "model", "size", "steps", "negative_prompt", "params")
    request = {name: job.request[name] for name in members if job.request.get(name)}
    if job.engine_id:
        request["engine"] = str(job.engine_id)
    if job.input_order:
        request["image"] = list(job.input_order)
    if job.mask_id:
        request["mask"] = str(job.mask_id)
    return request
