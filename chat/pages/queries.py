"""The queries of the thread, and of what readers of a shared chat see; their number does not grow with the rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Left

from chat import access, file_addresses, history, tree
from chat.models import Assistant, Chat, ComparedAnswer, Feedback, File, Message, Share, Summary
from chat.pages import compared
from chat.pages.compared import Compared
from providers import catalogue
from providers.facts import Route

SHARED_SIZE = 50  # messages a shared chat shows at once: it is read from its beginning
OWNERS_ONLY = ("reasoning", "connection", "usage", "error", "options")
THREAD_SIZE = 20  # messages a thread shows at first, and at each step upwards
PRINTED = 2_000  # messages of a chat on paper
SHOWN = 50_000  # characters of a text that a page shows unless it is asked for the whole
Position = tuple[UUID | None, str]  # in the tree: the message above, and who speaks


@dataclass(frozen=True, slots=True)
class ThreadEntry:
    """A message of the thread; `branches` are the ids of its alternatives and its own, oldest first."""

    message: Message
    branches: tuple[UUID, ...]
    model_name: str
    is_cut: bool = False  # the message holds only the beginning of its texts
    summary: Summary | None = None  # of everything up to this message
    compared: Compared | None = None  # of an answer that is one of several models'
    columns: tuple["ThreadEntry", ...] = ()  # the answers that stand side by side in the place of this one

    @property
    def compared_row(self) -> ComparedAnswer | None:
        return self.compared.rows.get(self.message.pk) if self.compared else None

    @property
    def is_column(self) -> bool:
        return self.compared is not None and self.compared.is_open and self.message.pk in self.compared.rows

    @property
    def rating(self) -> str:
        """The owner's thumb on it; empty without one, and for messages that were not asked for with `rated`."""
        return getattr(self.message, "rating", None) or ""

    @property
    def number(self) -> int:
        return self.branches.index(self.message.pk) + 1

    @property
    def previous(self) -> UUID | None:
        return self.branches[self.number - 2] if self.number > 1 else None

    @property
    def next(self) -> UUID | None:
        return self.branches[self.number] if self.number < len(self.branches) else None


@dataclass(frozen=True, slots=True)
class Thread:
    """Consecutive messages of the shown branch; `earlier` is the id of the first one if there are older messages,
    `later` that of the last one if there are newer ones.
    """

    entries: list[ThreadEntry]
    earlier: UUID | None = None
    later: UUID | None = None


@dataclass(frozen=True, slots=True)
class SharedEntry:
    """A message of a shared thread. `files` are those that readers may see: of this chat, and its owner's.

    `steps` are the status lines that name sources; the others concern the owner alone.
    """

    message: Message
    model_name: str
    files: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class SharedThread:
    """A page of a shared branch; `earlier` and `later` are the numbers of the pages around it, 0 for none."""

    entries: list[SharedEntry]
    earlier: int = 0
    later: int = 0


def thread(chat: Chat, *, before: UUID | None = None, after: UUID | None = None, around: UUID | None = None) -> Thread:
    """The end of the shown branch; or the stretch above the message `before`, below `after`, or `around` one.

    Three queries, and one more where answers have alternatives.
    """
    outline = tree.outline(chat.pk)
    branch = tree.branch_to(outline, chat.leaf_id)
    start, end = max(0, len(branch) - THREAD_SIZE), len(branch)
    if before is not None:
        end = _index(branch, before, 0)
        start = max(0, end - THREAD_SIZE)
    elif after is not None:
        start = _index(branch, after, len(branch)) + 1
        end = min(start + THREAD_SIZE, len(branch))
    elif around is not None and (at := _index(branch, around, len(branch))) < start:
        start = max(0, at - THREAD_SIZE // 4)
        end = start + THREAD_SIZE
    shown = branch[start:end]
    return Thread(
        _entries(outline, shown, history.summary_of(chat.pk, branch)),
        earlier=shown[0].pk if shown and start > 0 and after is None else None,
        later=shown[-1].pk if shown and end < len(branch) and before is None else None,
    )


def _index(branch: list[tree.Outlined], message_id: UUID, otherwise: int) -> int:
    return next((index for index, message in enumerate(branch) if message.pk == message_id), otherwise)


def whole_branch(chat: Chat) -> Thread:
    """All of the shown branch; of a very long one the newest messages. Three queries at most."""
    outline = tree.outline(chat.pk)
    branch = tree.branch_to(outline, chat.leaf_id)
    shown = branch[-PRINTED:]
    return Thread(_entries(outline, shown), earlier=shown[0].pk if len(branch) > len(shown) else None)


def beginnings() -> QuerySet[Message]:
    """A query of messages that reads only the beginnings of their texts, for `entry`."""
    return _with_beginnings(rated(), _both_beginnings())


def rated() -> QuerySet[Message]:
    """A query of messages with their owner's thumb on each, for `entry`."""
    own = Feedback.objects.filter(message=OuterRef("pk"), user=OuterRef("chat__user"))
    return Message.objects.annotate(rating=Subquery(own.values("rating")[:1]))


def entry(message: Message, *, whole: bool) -> ThreadEntry:
    """One message with its alternatives, in full length if `whole`, else one of `beginnings`. Two queries at most."""
    siblings = message.chat.messages.filter(parent_id=message.parent_id, role=message.role).order_by("created", "pk")
    branches = tuple(siblings.values_list("pk", flat=True))
    name = model_names().get(message.model, message.model)
    is_cut = not whole and _cut(message, *_beginnings(message, _both_beginnings()))
    among = _comparisons([message], {_position(message): branches})
    return ThreadEntry(message, branches, name, is_cut, compared=among.get(message.parent_id))


def pictures_of(routes: Iterable[Route]) -> dict[str, str]:
    """The addresses of the pictures of the assistants among these, by public id. One query, none without assistants."""
    ids = [route.public_id for route in routes if route.needs is not None]
    if not ids:
        return {}
    rows = Assistant.objects.filter(model__public_id__in=ids).exclude(picture_digest="")
    columns = rows.values_list("model__public_id", "pk", "picture_digest")
    return {public_id: f"/assistants/{pk}/picture?v={digest}" for public_id, pk, digest in columns}


def lone_entries(messages: Iterable[Message]) -> list[ThreadEntry]:
    """Messages without alternatives, which need not be stored. No query."""
    names = model_names()
    return [ThreadEntry(message, (message.pk,), names.get(message.model, message.model)) for message in messages]


def _entries(
    outline: Iterable[tree.Outlined], shown: list[tree.Outlined], summary: Summary | None = None
) -> list[ThreadEntry]:
    alternatives: dict[Position, list[UUID]] = {}
    for message in outline:
        alternatives.setdefault(_position(message), []).append(message.pk)
    comparisons = _comparisons(shown, alternatives)
    keys = {message.pk for message in shown}.union(*(row.rows for row in comparisons.values() if row.is_open))
    rows = _cut_rows(rated(), keys, _both_beginnings())
    names = model_names()

    def entry_of(key: UUID) -> ThreadEntry:
        row, is_cut = rows[key]
        return ThreadEntry(
            row,
            tuple(alternatives[_position(row)]),
            names.get(row.model, row.model),
            is_cut,
            summary if summary is not None and summary.upto_id == key else None,
            comparisons.get(row.parent_id) if row.role == Message.Role.ASSISTANT else None,
        )

    entries = [entry_of(message.pk) for message in shown if message.pk in rows]
    return [
        replace(entry, columns=tuple(entry_of(key) for key in entry.compared.rows if key in rows))
        if entry.compared and entry.is_column
        else entry
        for entry in entries
    ]


def _position(message: Message | tree.Outlined) -> Position:
    """What a message has in common with its alternatives."""
    return message.parent_id, message.role


def _comparisons(
    shown: Iterable[Message | tree.Outlined], alternatives: Mapping[Position, Sequence[UUID]]
) -> dict[UUID | None, Compared]:
    """The comparisons of which an answer is shown, by question. One query, none without alternatives."""
    answers = (message for message in shown if message.role == Message.Role.ASSISTANT)
    return compared.by_question(row.parent_id for row in answers if len(alternatives[_position(row)]) > 1)


def _both_beginnings() -> dict[str, Left]:
    return {name: Left(name, SHOWN + 1) for name in ("content", "reasoning")}


def _cut_rows(
    messages: QuerySet[Message], keys: Iterable[UUID], parts: dict[str, Left]
) -> dict[UUID, tuple[Message, bool]]:
    """The messages by id, with the beginnings of their texts, and whether these are longer. One query."""
    rows = _with_beginnings(messages, parts).in_bulk(list(keys))
    return {key: (row, _cut(row, *_beginnings(row, parts))) for key, row in rows.items()}


def _with_beginnings(messages: QuerySet[Message], parts: dict[str, Left]) -> QuerySet[Message]:
    return messages.defer(*parts).annotate(**{f"{name}_beginning": part for name, part in parts.items()})


def _beginnings(row: Message, names: Iterable[str]) -> list[str]:
    return [getattr(row, f"{name}_beginning") for name in names]


def _cut(message: Message, content: str, reasoning: str = "") -> bool:
    """Give the message the beginnings of these texts; returns whether one is longer. The message is not saved again."""
    message.content, message.reasoning = content[:SHOWN], reasoning[:SHOWN]
    return max(len(content), len(reasoning)) > SHOWN


def shared_thread(share: Share, *, number: int = 1, whole: UUID | None = None, size: int = SHARED_SIZE) -> SharedThread:
    """A page of what readers see, counted from 1, with the message `whole` in full length. Three or four queries."""
    messages = access.readable(share)
    start = (number - 1) * size
    shown = messages[start : start + size]
    has_more = start + size < len(messages)
    keys = [message.pk for message in shown if message.pk != whole]
    rows = _cut_rows(Message.objects.defer(*OWNERS_ONLY), keys, {"content": Left("content", SHOWN + 1)})
    if len(keys) < len(shown):
        rows |= _whole_rows([message.pk for message in shown if message.pk == whole])
    entries = _shared_entries(share, shown, rows)
    return SharedThread(entries, earlier=number - 1, later=number + 1 if has_more else 0)


def shared_entries(share: Share, messages: list[Message]) -> list[SharedEntry]:
    """These messages as readers see them, in full length. Two queries."""
    return _shared_entries(share, messages, _whole_rows([message.pk for message in messages]))


def _whole_rows(keys: list[UUID]) -> dict[UUID, tuple[Message, bool]]:
    return {key: (row, False) for key, row in Message.objects.defer(*OWNERS_ONLY).in_bulk(keys).items()}


def _shared_entries(share: Share, messages: list[Message], rows: dict[UUID, tuple[Message, bool]]) -> list[SharedEntry]:
    present = [rows[message.pk] for message in messages if message.pk in rows]
    listed = {access.as_uuid(pk) for message, _is_cut in present for pk in access.listed_files(message)}
    # Other files that a message lists are not its owner's, or not of this chat, and would not be served.
    servable = File.objects.filter(chat_id=share.chat_id, owner_id=share.chat.user_id, pk__in=listed)
    file_ids = {str(pk) for pk in servable.values_list("pk", flat=True)}
    names = model_names()
    return [
        SharedEntry(
            message,
            names.get(message.model, message.model),
            [_without_provenance(file) for file in message.files if _is_listed(file, file_ids)],
            [
                {"description": "", "done": True, "sources": _sources_shown(step, file_ids)}
                for step in _steps_with_sources(message)
            ],
            is_cut,
        )
        for message, is_cut in present
    ]


def _is_listed(file: Any, file_ids: set[str]) -> bool:
    return isinstance(file, dict) and str(file.get("id")) in file_ids


def _steps_with_sources(message: Message) -> list[dict[str, Any]]:
    return [step for step in message.status_history if isinstance(step, dict) and step.get("sources")]


def _sources_shown(step: dict[str, Any], file_ids: set[str]) -> list[Any]:
    """The sources of a status line without the files that readers may not see."""
    addresses = ((source, str(source.get("url"))) for source in step["sources"] if isinstance(source, dict))
    return [
        source
        for source, url in addresses
        if not url.startswith(file_addresses.ROOT) or file_addresses.named_id(url) in file_ids
    ]


def _without_provenance(file: dict[str, Any]) -> dict[str, Any]:
    """Remove how a picture was made, and by which engine: that is for its owner alone."""
    return {name: value for name, value in file.items() if name != "provenance"}


def model_names() -> dict[str, str]:
    return {public_id: route.name or public_id for public_id, route in catalogue.snapshot_blocking().routes.items()}
