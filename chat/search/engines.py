"""One query of the database's full-text search: the newest rows that match, each with how well it does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import DateTimeField, UUIDField

from chat.search.filters import ChatFilters, midnight
from chat.search.index import OWNER
from chat.search.words import Term

SQLITE = """
SELECT e.id, e.chat_id, e.message_id, -bm25(chat_search) AS relevance
FROM chat_search JOIN chat_searchentry e ON e.id = chat_search.rowid JOIN chat_chat c ON c.id = e.chat_id
WHERE chat_search MATCH %s AND {conditions}
ORDER BY chat_search.rowid DESC LIMIT %s
"""
# The planner takes words that stand together in every message for rare ones, and would join all of their chats before
# it sorts. OFFSET 0 keeps it from that: what matches is sorted by numbers alone, and rows are read up to the limit.
POSTGRESQL = """
SELECT newest.id, newest.chat_id, newest.message_id,
    ts_rank_cd(newest.vector, to_tsquery('simple', %s), 1) AS relevance
FROM (
    SELECT e.id, e.chat_id, e.message_id, e.vector
    FROM (
        SELECT id FROM chat_searchentry WHERE vector @@ to_tsquery('simple', %s) ORDER BY id DESC OFFSET 0
    ) matching JOIN chat_searchentry e ON e.id = matching.id JOIN chat_chat c ON c.id = e.chat_id
    WHERE {conditions}
    ORDER BY matching.id DESC LIMIT %s
) newest ORDER BY newest.id DESC
"""
WITH_PICTURES = (
    "EXISTS (SELECT 1 FROM chat_file f"
    " WHERE f.chat_id = c.id AND f.deleted_at IS NULL AND f.content_type LIKE 'image/%%')"
)


@dataclass(frozen=True, slots=True)
class Match:
    """A row of the index that matches; the higher its relevance, the better."""

    id: int
    chat_id: UUID
    message_id: UUID | None  # None: the title of the chat
    relevance: float


def newest_matches(
    user_id: int, terms: Sequence[Term], filters: ChatFilters, *, before: int = 0, most: int
) -> list[Match]:
    """The newest rows with all the terms, at most so many, those after `before` in this order. One query."""
    conditions, values = _conditions(user_id, filters)
    if before:
        conditions, values = f"{conditions} AND e.id < %s", [*values, before]
    if connection.vendor == "sqlite":
        query = " AND ".join([f"{OWNER}{user_id}", *map(for_sqlite, terms)])
        statement, given = SQLITE, [query, *values, most]
    else:
        ranked = " & ".join(map(for_postgresql, terms))
        statement, given = POSTGRESQL, [ranked, f"{OWNER}{user_id} & {ranked}", *values, most]
    with connection.cursor() as cursor:
        cursor.execute(statement.format(conditions=conditions), given)
        return [Match(pk, _uuid(chat), _uuid(message), float(rank)) for pk, chat, message, rank in cursor.fetchall()]


def _conditions(user_id: int, filters: ChatFilters) -> tuple[str, list[Any]]:
    """The filters in SQL, for `e`, the row of the index, and `c`, its chat. Days are those of the message."""
    parts, values = ["e.user_id = %s"], [user_id]

    def add(part: str, *given: Any) -> None:
        parts.append(part)
        values.extend(given)

    add(f"c.deleted_at IS {'NOT ' if filters.deleted else ''}NULL")
    if filters.in_archive is not None:
        add(f"c.archived_at IS {'NOT ' if filters.in_archive else ''}NULL")
    if filters.pinned is not None:
        add(f"c.pinned_at IS {'NOT ' if filters.pinned else ''}NULL")
    if filters.unread is not None:
        add("c.unread = %s", filters.unread)
    if isinstance(filters.folder, UUID):
        add("c.folder_id = %s", UUIDField().get_db_prep_value(filters.folder, connection))
    elif filters.folder is not None:
        add("c.folder_id IS NULL")
    if filters.model:
        add("c.model = %s", filters.model)
    if filters.since:
        add("e.created >= %s", DateTimeField().get_db_prep_value(midnight(filters.since), connection))
    if filters.until:
        end = midnight(filters.until + timedelta(days=1))
        add("e.created < %s", DateTimeField().get_db_prep_value(end, connection))
    if filters.pictures is not None:
        add(WITH_PICTURES if filters.pictures else f"NOT {WITH_PICTURES}")
    return " AND ".join(parts), values


def for_sqlite(term: Term) -> str:
    """Words hold letters and digits alone, so nothing in them has to be escaped."""
    return f'"{" ".join(term.words)}"{" *" if term.open_end else ""}'


def for_postgresql(term: Term) -> str:
    words = [f"'{word}'" for word in term.words]
    if term.open_end:
        words[-1] += ":*"
    return f"({' <-> '.join(words)})"


def _uuid(value: Any) -> Any:
    return UUID(value) if isinstance(value, str) else value
