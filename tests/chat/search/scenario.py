"""What a search has to find, on whichever database this process uses; `run` raises where it does not."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat import search
from chat.models import Chat, Folder, Message, SearchEntry
from chat.search import finding, index

EVERYWHERE = search.ChatFilters(archived=None)
TEXTS = {
    "Bread": ["How does sourdough rise?", "The dough rises slowly. Café Müller bakes SOURDOUGH at night."],
    "Trains": ["Night trains to the north", "my_report.pdf says: the train leaves at 10."],
    "黑白猫": ["给我讲一个关于黑猫的故事", "从前有一只黑猫和一只白猫，用GPT画猫。"],
    "Cut": ["x " * 11_000 + "narwhal", "Nothing."],
}
# search: the titles that it finds, the best first
FINDS = {
    "sourdough": ["Bread"],
    "SOURDOUGH rise": ["Bread"],
    "sour": ["Bread"],
    "ourdough": [],
    "cafe muller": ["Bread"],
    '"dough rises"': ["Bread"],
    '"rises dough"': [],
    "my_rep": ["Trains"],
    "night": ["Trains", "Bread"],
    "trains": ["Trains"],
    "猫": ["黑白猫"],
    "黑猫": ["黑白猫"],
    "猫白": [],
    "关于黑猫的故事": ["黑白猫"],
    "GPT画": ["黑白猫"],
    "narwhal": ["Cut"],
    "' OR 1=1 -- \" * AND NOT ( : & | !": [],
    "???": [],
    "": [],
}


def person(name: str) -> Any:
    return get_user_model()._default_manager.create_user(email=f"{name}@search.example", password="x" * 12)


def make_chat(user: Any, title: str, texts: list[str], **more: Any) -> Chat:
    chat = Chat.objects.create(user=user, title=title, model="m1", **more)
    for number, text in enumerate(texts):
        role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        chat.leaf = Message.objects.create(chat=chat, parent=chat.leaf, role=role, content=text)
    chat.save()
    return chat


def titles(user: Any, words: str, filters: search.ChatFilters = EVERYWHERE) -> list[str]:
    return [hit.chat.title for hit in search.find(user, words, filters=filters, size=40).hits]


def run() -> None:
    """All of it, in a transaction that is undone."""
    with transaction.atomic():
        user, other = person("reader"), person("other")
        chats = {title: make_chat(user, title, texts) for title, texts in TEXTS.items()}
        make_chat(other, "Sourdough of another person", ["sourdough 黑猫"])
        finds_words(user)
        shows_excerpts(user, chats)
        narrows(user, chats)
        follows_writes(user, chats)
        goes_page_by_page(user)
        uses_the_index(user)
        transaction.set_rollback(True)


def finds_words(user: Any) -> None:
    for words, expected in FINDS.items():
        assert titles(user, words) == expected, (words, titles(user, words))


def shows_excerpts(user: Any, chats: dict[str, Chat]) -> None:
    [hit] = search.find(user, "cafe", filters=EVERYWHERE, size=5).hits
    assert hit.message is not None
    assert hit.message.chat_id == chats["Bread"].pk
    assert [text for text, matches in hit.excerpt.parts if matches] == ["Café"]
    [far] = search.find(user, "narwhal", filters=EVERYWHERE, size=5).hits
    assert far.excerpt.text.endswith("narwhal")  # of the second part of a long message
    [han] = search.find(user, "黑白猫", filters=EVERYWHERE, size=5).hits
    assert han.message is None
    assert han.excerpt.parts == [("黑白猫", True)]


def narrows(user: Any, chats: dict[str, Chat]) -> None:
    folder = Folder.objects.create(user=user, name="Travel")
    Chat.objects.filter(pk=chats["Trains"].pk).update(folder=folder, archived_at=timezone.now(), model="m2")
    tomorrow = timezone.localdate() + timedelta(days=1)
    cases = [
        (search.ChatFilters(), ["Bread"]),
        (search.ChatFilters(archived=None, folder=folder.pk), ["Trains"]),
        (search.ChatFilters(archived=None, folder="none"), ["Bread"]),
        (search.ChatFilters(archived=None, model="m2"), ["Trains"]),
        (search.ChatFilters(archived=None, since=tomorrow), []),
        (search.ChatFilters(archived=None, until=tomorrow), ["Trains", "Bread"]),
        (search.ChatFilters(archived=None, pictures=True), []),
        (search.ChatFilters(archived=None, pictures=False, unread=False, pinned=False), ["Trains", "Bread"]),
        (search.ChatFilters(deleted=True), []),
    ]
    for filters, expected in cases:
        assert titles(user, "night", filters) == expected, filters
    Chat.objects.filter(pk=chats["Trains"].pk).update(deleted_at=timezone.now())
    assert titles(user, "night", search.ChatFilters(deleted=True)) == ["Trains"]  # though it was archived before
    Chat.objects.filter(pk=chats["Trains"].pk).update(deleted_at=None)


def follows_writes(user: Any, chats: dict[str, Chat]) -> None:
    chat = chats["Bread"]
    assert chat.leaf is not None
    running = Message.objects.create(chat=chat, parent=chat.leaf, role="assistant", status="streaming", content="yak")
    Message.objects.filter(pk=running.pk).update(content="yak yurt", status="streaming")
    assert titles(user, "yurt") == []  # while it grows
    Message.objects.filter(pk=running.pk).update(content="yak yurt", status="done")
    assert titles(user, "yurt") == ["Bread"]
    running.content, running.status = "camel", Message.Status.DONE
    running.save(update_fields=["content", "status"])
    assert (titles(user, "yurt"), titles(user, "camel")) == ([], ["Bread"])
    many = [Message(chat=chat, parent=running, role="user", content=f"okapi {number}") for number in range(3)]
    Message.objects.bulk_create(many)
    [hit] = search.find(user, "okapi", filters=EVERYWHERE, size=5).hits
    assert hit.count == 3
    Chat.objects.filter(pk=chat.pk).update(title="Yeast")
    assert titles(user, "yeast") == ["Yeast"]
    for message in many:
        message.delete()
    assert titles(user, "okapi") == []
    SearchEntry.objects.all().delete()
    assert titles(user, "camel") == []
    assert index.fill(Chat, Message, SearchEntry) == Chat.objects.count() + Message.objects.count()
    assert index.fill(Chat, Message, SearchEntry) == 0
    assert index.fill(Chat, Message, SearchEntry, anew=True) == Chat.objects.count() + Message.objects.count()
    assert titles(user, "camel") == ["Yeast"]
    chat.delete()
    assert titles(user, "camel") == []


def goes_page_by_page(user: Any) -> None:
    chats = Chat.objects.bulk_create([Chat(user=user, title=f"Heron {number}") for number in range(25)])
    Message.objects.bulk_create([Message(chat=chat, role="user", content="a heron") for chat in chats])
    before, finding.WINDOW = finding.WINDOW, 20
    try:
        found, cursor = [], ""
        for _page in range(12):
            with CaptureQueriesContext(connection) as queries:
                page = search.find(user, "heron", filters=EVERYWHERE, size=7, cursor=cursor)
            assert len(queries) <= 4
            found += [hit.chat.pk for hit in page.hits]
            if not (cursor := page.cursor):
                break
        assert set(found) == {chat.pk for chat in chats}
        assert search.find(user, "heron", filters=EVERYWHERE, size=7, cursor="9" * 30 + ".x").hits
    finally:
        finding.WINDOW = before


def uses_the_index(user: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        titles(user, "heron")
    statement = f"EXPLAIN QUERY PLAN {queries.captured_queries[0]['sql']}"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # of so small a table another index, or none, would do
            cursor.execute("SET LOCAL enable_seqscan = off")
            words = "to_tsquery('simple', 'owner1 & heron:*')"
            statement = f"EXPLAIN SELECT id FROM chat_searchentry WHERE vector @@ {words}"
        cursor.execute(statement)
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert ("VIRTUAL TABLE INDEX" if connection.vendor == "sqlite" else "chat_search_vector") in plan, plan
