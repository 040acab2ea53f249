"""Which of a person's pictures a gallery shows, and in which order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy

from chat.decoding.formats import SVG
from chat.models import File
from chat.search.filters import day_of, midnight
from imagegen.models import ImageJob, PictureStar
from providers.errors import BadRequest
from providers.sentences import sentence as _

MEGAPIXEL = 1_000_000
SAMPLED = 1000  # of the newest pictures: the models of these are offered to choose from

KINDS = {
    "": gettext_lazy("All"),
    "drawn": gettext_lazy("Drawn"),
    "edited": gettext_lazy("Edited"),
    "uploads": gettext_lazy("Uploads"),
}
SHAPES = {
    "square": (gettext_lazy("Square"), Q(width=F("height"))),
    "landscape": (gettext_lazy("Landscape"), Q(width__gt=F("height"))),
    "portrait": (gettext_lazy("Portrait"), Q(width__lt=F("height"))),
}
SIZES = {
    "small": (gettext_lazy("Under 1 MP"), Q(pixels__lt=MEGAPIXEL)),
    "medium": (gettext_lazy("1–4 MP"), Q(pixels__gte=MEGAPIXEL, pixels__lt=4 * MEGAPIXEL)),
    "large": (gettext_lazy("Over 4 MP"), Q(pixels__gte=4 * MEGAPIXEL)),
}
SORTS = {"": gettext_lazy("Newest first"), "oldest": gettext_lazy("Oldest first")}


@dataclass(frozen=True, slots=True)
class PictureFilters:
    """Each member narrows the gallery; empty it does not. `engine` and `model` are names as pictures tell them."""

    kind: str = ""
    engine: str = ""
    model: str = ""
    shape: str = ""
    size: str = ""
    since: date | None = None  # days of the person's time zone, both included
    until: date | None = None
    starred: bool = False
    words: str = ""
    sort: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "PictureFilters":
        """The filters of a request's query parameters. Raises BadRequest for values that are none."""
        return cls(
            kind=_one_of(given, "kind", KINDS),
            engine=_text(given, "engine", 100),
            model=_text(given, "model", 255),
            shape=_one_of(given, "shape", SHAPES),
            size=_one_of(given, "size", SIZES),
            since=day_of(given, "since"),
            until=day_of(given, "until"),
            starred=_one_of(given, "starred", ("", "true", "false")) == "true",
            words=_text(given, "q", 200),
            sort=_one_of(given, "sort", SORTS),
        )

    @classmethod
    def understood(cls, given: Mapping[str, Any]) -> "PictureFilters":
        """As `of`, without the values that are none: for addresses that people keep and change."""
        rest = dict(given)
        while True:
            try:
                return cls.of(rest)
            except BadRequest as error:
                del rest[error.param or ""]

    def query(self) -> str:
        """The filters as the query of a URL."""
        named = {("q" if field.name == "words" else field.name): getattr(self, field.name) for field in fields(self)}
        return urlencode({name: "true" if value is True else value for name, value in named.items() if value})

    @property
    def narrows(self) -> bool:
        """Whether it may leave out pictures that were drawn here."""
        return any(getattr(self, field.name) for field in fields(self) if field.name != "sort")

    @property
    def folded(self) -> int:
        """How many of those are set that stand in a panel of their own."""
        return sum(bool(value) for value in (self.model, self.shape, self.size, self.since, self.until, self.sort))

    def apply(self, pictures: QuerySet[File]) -> QuerySet[File]:
        for narrow in NARROWED:
            pictures = narrow(self, pictures)
        return pictures


def pictures_of(user: Any, filters: PictureFilters) -> QuerySet[File]:
    """The person's pictures that do not expire: no unsent uploads, nothing of temporary chats. `starred` is told."""
    pictures = File.objects.filter(
        owner_id=user.pk, content_type__startswith="image/", chat__deleted_at=None, expires_at=None
    )
    stars = PictureStar.objects.filter(file=OuterRef("pk"))
    return filters.apply(pictures).annotate(starred=Exists(stars))


def models_of(user: Any) -> list[str]:
    """The models that drew this person's newest pictures, by name. One query."""
    drawn = File.objects.filter(owner_id=user.pk, provenance__has_key="engine").order_by("-created")
    return sorted({str(name) for name in drawn.values_list("provenance__model", flat=True)[:SAMPLED] if name})


def _of_kind(filters: PictureFilters, pictures: QuerySet[File]) -> QuerySet[File]:
    if filters.kind == "uploads":
        masks = ImageJob.objects.filter(user_id=OuterRef("owner_id"), mask=OuterRef("pk"))
        return pictures.exclude(provenance__has_key="engine").exclude(content_type=SVG).exclude(Exists(masks))
    pictures = pictures.filter(provenance__has_key="engine")
    if filters.kind == "drawn":
        return pictures.exclude(provenance__has_key="inputs")
    return pictures.filter(provenance__has_key="inputs") if filters.kind == "edited" else pictures


def _made_by(filters: PictureFilters, pictures: QuerySet[File]) -> QuerySet[File]:
    if filters.engine:
        pictures = pictures.filter(provenance__engine=filters.engine)
    return pictures.filter(provenance__model=filters.model) if filters.model else pictures


def _sized(filters: PictureFilters, pictures: QuerySet[File]) -> QuerySet[File]:
    if filters.shape:
        pictures = pictures.filter(SHAPES[filters.shape][1])
    if filters.size:
        pictures = pictures.annotate(pixels=F("width") * F("height")).filter(SIZES[filters.size][1])
    return pictures


def _dated(filters: PictureFilters, pictures: QuerySet[File]) -> QuerySet[File]:
    if filters.since:
        pictures = pictures.filter(created__gte=midnight(filters.since))
    return pictures.filter(created__lt=midnight(filters.until + timedelta(days=1))) if filters.until else pictures


def _starred(filters: PictureFilters, pictures: QuerySet[File]) -> QuerySet[File]:
    return pictures.filter(star__isnull=False) if filters.starred else pictures


def _with_words(filters: PictureFilters, pictures: QuerySet[File]) -> QuerySet[File]:
    words = filters.words
    if not words:
        return pictures
    in_prompts = Q(provenance__prompt__icontains=words) | Q(provenance__revised_prompt__icontains=words)
    return pictures.filter(in_prompts | Q(name__icontains=words))


NARROWED: tuple[Callable[[PictureFilters, QuerySet[File]], QuerySet[File]], ...] = (
    _of_kind,
    _made_by,
    _sized,
    _dated,
    _starred,
    _with_words,
)


def _text(given: Mapping[str, Any], name: str, longest: int) -> str:
    return str(given.get(name) or "").replace("\0", "").strip()[:longest]


def _one_of(given: Mapping[str, Any], name: str, values: Any) -> str:
    text = str(given.get(name) or "")
    if text and text not in values:
        raise BadRequest(_("Say one of these: %s.") % ", ".join(filter(None, values)), param=name)
    return text
