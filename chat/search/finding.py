"""A search: the chats that hold the words, best first, each with the place where it says them.

What matches is looked at in windows of `WINDOW` rows of the index, the newest first; in each the chats are ranked. So
a word that is in every message costs no more than another one, and all that there is can be reached, page by page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Value
from django.db.models.functions import Substr

from chat.access import Person
from chat.models import Chat, Message, SearchEntry
from chat.search import engines
from chat.search.excerpts import Excerpt, excerpt_of
from chat.search.filters import ChatFilters
from chat.search.index import PART
from chat.search.words import Term, terms_of

WINDOW = 500  # rows of the index that are ranked together
OF_TITLE = 1.0  # what a match in the title counts more; the best row of a window counts 1
OF_TIME = 0.5  # what the newest row of a window counts more than its oldest


@dataclass(frozen=True, slots=True)
class Hit:
    """A chat with the best of its places. `message`: None where only its title has the words."""

    chat: Chat
    excerpt: Excerpt
    message: Message | None
    count: int  # places in this chat, its title among them

    @property
    def created(self) -> datetime:
        return self.message.created if self.message else self.chat.updated

    @property
    def url(self) -> str:
        return f"/c/{self.chat.pk}?message={self.message.pk}" if self.message else f"/c/{self.chat.pk}"


@dataclass(frozen=True, slots=True)
class HitPage:
    """A page of hits; `cursor` asks for the next one, empty at the end."""

    hits: list[Hit]
    cursor: str = ""


def find(
    user: Person,
    words: str,
    *,
    filters: ChatFilters,
    cursor: str = "",
    size: int,
    chats: QuerySet[Chat] | None = None,
) -> HitPage:
    """The chats of this person that hold all the words, best first. Three queries.

    `chats` says how their rows are read.
    """
    terms = terms_of(words)
    if not terms:
        return HitPage([])
    before, offset = _parsed(cursor)
    matches = engines.newest_matches(user.pk, terms, filters, before=before, most=WINDOW)
    ranked = _ranked(matches)
    page = ranked[offset : offset + size]
    following = ""
    if offset + size < len(ranked):
        following = f"{before}.{offset + size}"
    elif len(matches) == WINDOW:
        following = f"{matches[-1].id}.0"
    return HitPage(_hits(page, terms, Chat.objects.all() if chats is None else chats), following)


@dataclass(slots=True)
class _Ranked:
    chat_id: UUID
    score: float
    best: engines.Match
    count: int = 1


def _ranked(matches: Sequence[engines.Match]) -> list[_Ranked]:
    """The chats of these rows, best first. A row of a message is the place to show, also where the title is better."""
    most = max((match.relevance for match in matches), default=0.0) or 1.0
    chats: dict[UUID, _Ranked] = {}
    best_message: dict[UUID, float] = {}
    for position, match in enumerate(matches):
        score = match.relevance / most + OF_TIME * (1 - position / len(matches))
        score += OF_TITLE if match.message_id is None else 0.0
        known = chats.get(match.chat_id)
        if known is None:
            chats[match.chat_id] = known = _Ranked(match.chat_id, score, match)
        else:
            known.count += 1
            known.score = max(known.score, score)
        if match.message_id is not None and score > best_message.get(match.chat_id, -1.0):
            best_message[match.chat_id] = score
            known.best = match
    return sorted(chats.values(), key=lambda chat: -chat.score)


def _hits(page: Sequence[_Ranked], terms: Sequence[Term], chats: QuerySet[Chat]) -> list[Hit]:
    rows = chats.in_bulk([ranked.chat_id for ranked in page])
    entries = [ranked.best.id for ranked in page if ranked.best.message_id]
    starts = dict(SearchEntry.objects.filter(pk__in=entries).values_list("message", "start"))
    messages = _messages(starts)
    hits = []
    for ranked in page:
        chat, message = rows.get(ranked.chat_id), messages.get(ranked.best.message_id)  # type: ignore[arg-type]
        if chat is not None:
            text = getattr(message, "part", "") if message else chat.title
            hits.append(Hit(chat, excerpt_of(text, terms), message, ranked.count))
    return hits


def _messages(starts: Mapping[Any, int]) -> dict[UUID, Any]:
    """The messages with `part`, the text of the row of the index that matched; without their other texts."""
    rows: dict[UUID, Any] = {}
    by_start: dict[int, list[UUID]] = {}
    for pk, start in starts.items():
        by_start.setdefault(start, []).append(pk)
    for start, ids in by_start.items():
        messages = Message.objects.filter(pk__in=ids).only("pk", "chat", "role", "model", "created")
        rows |= messages.annotate(part=Substr("content", Value(start + 1), Value(PART))).in_bulk()
    return rows


def _parsed(cursor: str) -> tuple[int, int]:
    """The row that the window begins behind, and the place in it; the beginning for what is no cursor."""
    before, _point, offset = cursor.partition(".")
    if before.isascii() and before.isdecimal() and len(before) < 19 and offset.isascii() and offset.isdecimal():
        return int(before), min(int(offset[:6]), WINDOW)
    return 0, 0
