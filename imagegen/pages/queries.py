"""What the page of pictures shows, each in a number of queries that does not grow with the rows."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.access import as_uuid
from chat.models import File
from chat.pages import cursors
from imagegen.models import ImageJob

PAGE_SIZE = 30  # pictures at first, and at each step downwards
FAILED_FOR = timedelta(hours=1)  # how long a failure stands on the page
FAILED_SHOWN = 3
KINDS = ("drawn", "edited", "uploads")


@dataclass(frozen=True, slots=True)
class Filters:
    """`kind` is one of KINDS or empty for everything that was made here; `engine` is an engine's name."""

    kind: str = ""
    engine: str = ""
    words: str = ""

    def query(self) -> str:
        """As the address of a page says it."""
        named = {"kind": self.kind, "engine": self.engine, "q": self.words}
        return urlencode({name: value for name, value in named.items() if value})


@dataclass(frozen=True, slots=True)
class Gallery:
    """A page of pictures, newest first; `cursor` asks for the next one, empty at the end."""

    pictures: list[File]
    cursor: str = ""


def gallery(user: Any, filters: Filters, *, cursor: str = "") -> Gallery:
    """The person's pictures that stay: no upload that waits for its message, nothing of a temporary chat. One query."""
    shown, next_cursor = cursors.page_of(_pictures_of(user, filters), cursor, by="created", size=PAGE_SIZE)
    return Gallery(shown, next_cursor)


def _pictures_of(user: Any, filters: Filters) -> QuerySet[File]:
    found = File.objects.filter(
        owner_id=user.pk, content_type__startswith="image/", chat__deleted_at=None, expires_at=None
    )
    if filters.kind == "uploads":
        # What was only painted as a mask is nobody's picture.
        masks = ImageJob.objects.filter(user_id=user.pk, mask__isnull=False).values("mask")
        found = found.exclude(provenance__has_key="engine").exclude(content_type="image/svg+xml")
        found = found.exclude(pk__in=masks)
    else:
        found = found.filter(provenance__has_key="engine")
    if filters.kind == "drawn":
        found = found.exclude(provenance__has_key="inputs")
    elif filters.kind == "edited":
        found = found.filter(provenance__has_key="inputs")
    if filters.engine:
        found = found.filter(provenance__engine=filters.engine)
    if filters.words:
        said = Q(provenance__prompt__icontains=filters.words) | Q(provenance__revised_prompt__icontains=filters.words)
        found = found.filter(said | Q(name__icontains=filters.words))
    return found


def shown_jobs(user: Any) -> list[ImageJob]:
    """What is under way, and what failed a moment ago and was asked for here; newest first. Two queries.

    `before` on each says how many waiting jobs of its engine come first; None for none.
    """
    earlier = ImageJob.objects.filter(
        state=ImageJob.State.QUEUED, engine=OuterRef("engine"), created__lt=OuterRef("created")
    )
    before = Subquery(earlier.order_by().values("engine").annotate(count=Count("pk")).values("count"))
    mine = ImageJob.objects.filter(user_id=user.pk, expires_at=None).select_related("engine").order_by("-created")
    mine = mine.annotate(before=before)
    recent = timezone.now() - FAILED_FOR
    failed = mine.filter(state=ImageJob.State.FAILED, ended__gte=recent, chat=None)
    return sorted(
        [*mine.filter(state__in=ImageJob.OPEN), *failed[:FAILED_SHOWN]], key=lambda job: job.created, reverse=True
    )


def facts(row: File) -> list[tuple[str, str]]:
    """How a picture was made, as names and values for people; what is not known is left out."""
    made = row.provenance
    named = [
        (_("Prompt"), made.get("prompt")),
        (_("Improved prompt"), made.get("revised_prompt")),
        (_("First said as"), made.get("original_prompt")),
        (_("Without"), made.get("negative_prompt")),
        (_("Engine"), made.get("engine")),
        (_("Model"), made.get("model")),
        (_("Seed"), made.get("seed")),
        (_("Steps"), made.get("steps")),
        (_("Size"), f"{row.width} × {row.height}" if row.width and row.height else ""),
        (_("Type"), row.content_type.partition("/")[2].upper()),
    ]
    said = made.get("prompt"), made.get("revised_prompt")
    return [
        (name, str(value))
        for name, value in named
        if value not in (None, "") and not (value == said[0] and name != _("Prompt"))
    ]


def inputs_of(row: File) -> list[File]:
    """The pictures that this one was edited from, as far as its owner still has them, in their order."""
    ids = [as_uuid(one) for one in row.provenance.get("inputs", ())]
    found = File.objects.filter(owner_id=row.owner_id).in_bulk(ids)
    return [found[one] for one in ids if one in found]


def wish_behind(row: File) -> dict[str, Any] | None:
    """The request that would draw another one like this, ready for the API; None for what was not drawn here."""
    made = row.provenance
    if not made.get("prompt"):
        return None
    job = ImageJob.objects.filter(pk=as_uuid(made.get("job")), user_id=row.owner_id).first()
    if job is None:
        return {"prompt": made["prompt"]}
    kept = ("prompt", "model", "size", "steps", "negative_prompt", "params")
    wish = {name: job.request[name] for name in kept if job.request.get(name)}
    if job.engine_id:
        wish["engine"] = str(job.engine_id)
    if job.input_order:
        wish["image"] = list(job.input_order)
    if job.mask_id:
        wish["mask"] = str(job.mask_id)
    return wish
