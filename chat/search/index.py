"""The index: rows with the words of titles and messages, which the database's own full-text search reads.

A long message has several rows, one for each `PART` of it. Answers are indexed when they have ended. Rows follow the
writes of messages and titles (`signals.py`) in the same transaction; `fill` makes those that are missing, or all anew.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from chat.models import Chat, Message, SearchEntry
from chat.search.words import words_of

PART = 20_000  # characters of a message in one row
BATCH = 500  # messages read and written at once
OWNER = "owner"  # begins a word that says whose row it is, so that the index alone finds a person's rows
COLUMNS = ("pk", "chat_id", "chat__user_id", "content", "files", "created")


def write_messages(ids: Collection[UUID]) -> None:
    """Index these messages as they are now; those that are still being written, or are gone, have no rows."""
    SearchEntry.objects.filter(message__in=ids).delete()
    rows = Message.objects.filter(pk__in=ids).exclude(status__in=Message.RUNNING)
    SearchEntry.objects.bulk_create(entries_of(rows.values(*COLUMNS), SearchEntry))


def write_titles(ids: Collection[UUID]) -> None:
    """Index the titles of these chats; one that has not changed is left alone."""
    present = dict(SearchEntry.objects.filter(chat__in=ids, message=None).values_list("chat_id", "tokens"))
    wanted = {entry.chat_id: entry for entry in titles_of(Chat.objects.filter(pk__in=ids), SearchEntry)}
    changed = [pk for pk in ids if present.get(pk) != (wanted[pk].tokens if pk in wanted else None)]
    if changed:
        SearchEntry.objects.filter(chat__in=changed, message=None).delete()
        SearchEntry.objects.bulk_create([wanted[pk] for pk in changed if pk in wanted])


def entries_of(messages: Iterable[Mapping[str, Any]], model: Any) -> Iterator[Any]:
    """The rows of messages, which are given by their `COLUMNS`."""
    for message in messages:
        owner = f"{OWNER}{message['chat__user_id']}"
        names = " ".join(str(file.get("name", "")) for file in message["files"] if isinstance(file, dict))
        content = message["content"]
        for start in range(0, max(len(content), 1), PART):
            text = content[start : start + PART]
            words = " ".join(words_of(f"{text} {names}" if not start else text))
            if words:
                yield model(
                    user_id=message["chat__user_id"],
                    chat_id=message["chat_id"],
                    message_id=message["pk"],
                    start=start,
                    created=message["created"],
                    tokens=f"{owner} {words}",
                )


def titles_of(chats: Any, model: Any) -> Iterator[Any]:
    for chat in chats.values("pk", "user_id", "title", "created"):
        if words := " ".join(words_of(chat["title"])):
            yield model(
                user_id=chat["user_id"],
                chat_id=chat["pk"],
                created=chat["created"],
                tokens=f"{OWNER}{chat['user_id']} {words}",
            )


def fill(
    chats: Any, messages: Any, entries: Any, *, anew: bool = False, tell: Callable[[int], None] = lambda _count: None
) -> int:
    """Make the rows that are missing, or with `anew` all, in batches of one transaction each; returns how many.

    `chats`, `messages` and `entries` are the models, or a migration's. What was done stays done if it ends midway.
    """

    def of_messages(rows: Any) -> Iterator[Any]:
        return entries_of(rows.values(*COLUMNS), entries)

    ended = messages.objects.exclude(status__in=Message.RUNNING)
    titles = entries.objects.filter(message=None)
    count = _fill(chats.objects.all(), titles, "chat_id", lambda rows: titles_of(rows, entries), anew, tell)
    return count + _fill(ended, entries.objects, "message_id", of_messages, anew, lambda done: tell(count + done))


def _fill(
    rows: Any,
    entries: Any,
    column: str,
    made: Callable[[Any], Iterator[Any]],
    anew: bool,
    tell: Callable[[int], None],
) -> int:
    """The rows of the index for titles, or for messages; `column` of an entry says of which."""
    count, last = 0, None
    while ids := list(_after(rows, last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        last = ids[-1]
        present = entries.filter(**{f"{column}__in": ids})
        with transaction.atomic():
            if anew:
                present.delete()
            missing = set(ids) if anew else set(ids) - set(present.values_list(column, flat=True))
            if missing:
                entries.bulk_create(made(rows.filter(pk__in=missing)))
        count += len(missing)
        tell(count)
    return count


def _after(rows: Any, last: Any) -> Any:
    return rows if last is None else rows.filter(pk__gt=last)
