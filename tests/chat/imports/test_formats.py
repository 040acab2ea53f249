"""Imports: each format comes whole, twice brings nothing new, and what is broken is told of."""

import contextlib
import io
import json

import pytest
import requests

from chat import tree
from chat.imports import writer
from chat.imports.formats.base import Origin
from chat.imports.formats.table import FORMATS, format_of
from chat.imports.source import ExportSource
from chat.imports.values import Unreadable
from chat.models import Chat, File, Message
from tests import people
from tests.chat.imports import exports
from tests.chat.transfers.run import ended, look_through

pytestmark = pytest.mark.django_db(transaction=True)


def branch(chat):
    chat.refresh_from_db()
    return [message.content for message in tree.branch_to(chat.messages.all(), chat.leaf_id)]


def bring(site, headers, content, name):
    """The report of the look, and that of the import."""
    found = look_through(site, headers, content, name)
    assert found["state"] == "ready", found
    answer = requests.post(f"{site.url}/api/v1/imports/{found['id']}/start", headers=headers, timeout=10)
    assert answer.status_code == 202, answer.text
    brought = ended(site, headers, f"imports/{found['id']}")
    assert brought["state"] == "done", brought
    return found["report"], brought["report"]


def test_chatgpt_comes_whole_and_grows(site, alice):
    headers = {"Authorization": f"Bearer {people.make_key(alice)}"}
    look, report = bring(site, headers, exports.chatgpt_zip(), "export.zip")
    assert look["chats"] == report["chats"] == {"new": 3, "unreadable": 1}
    assert (report["messages"], report["files"], report["missing"]) == (10, 3, 1)
    assert [chat["title"] for chat in report["listed"] if chat["state"] == "unreadable"] == ["Corrupted"]
    chat = Chat.objects.get(title="Green and blue")
    assert (chat.created.timestamp(), bool(chat.archived_at)) == (1756000001.5, True)  # its first message
    assert branch(chat) == [
        "What is blue?",
        "The sky ([Colours](https://example.com/colours)).",
        "Draw it",
        "Here it is.",
    ]
    first = chat.messages.get(content="What is on it?")
    assert [file["name"] for file in first.files] == ["green.png"]
    answer = chat.messages.get(parent=first)
    assert answer.reasoning == "**Looking**\n\nA green thing."
    assert answer.content == "```python\nprint(9 * 7)\n```\n\n```\n63\n```\n\nA green rectangle: 63."
    assert (answer.model, answer.created.timestamp()) == ("o4-mini", 1756000002.0)
    cited = chat.messages.get(content__startswith="The sky")
    assert cited.status_history[0]["sources"] == [{"url": "https://example.com/colours", "title": "Colours"}]
    drawn = File.objects.get(message=chat.leaf)
    assert (drawn.expires_at, drawn.width, drawn.provenance) == (None, 5, {"prompt": "A blue square"})
    assert File.objects.get(name="My notes.md").content_type == "text/markdown"

    look, report = bring(site, headers, exports.chatgpt_zip(grown=True), "export.zip")
    assert look["chats"] == report["chats"] == {"known": 2, "grown": 1, "unreadable": 1}
    assert (report["messages"], Chat.objects.count(), Message.objects.count()) == (2, 3, 12)
    assert branch(chat)[-2:] == ["Thanks", "You are welcome."]


def test_open_webui_comes_whole(site, alice):
    headers = {"Authorization": f"Bearer {people.make_key(alice)}"}
    _look, report = bring(site, headers, exports.open_webui(), "chat-export.json")
    assert (report["chats"], report["messages"], report["files"], report["missing"]) == ({"new": 3}, 7, 2, 1)
    sums = Chat.objects.get(title="Sums")
    assert branch(sums) == ["What is 15 * 17?", "255"]
    question, first, second = sums.messages.order_by("created")
    assert [file["name"] for file in question.files] == ["picture.png", "sums.pdf.txt"]
    assert (first.reasoning, first.model, second.model) == ("15 * 10 + 15 * 7", "deepseek-r1", "llama3.1:latest")
    assert (first.parent_id, second.parent_id) == (question.pk, question.pk)
    assert second.status_history[0]["sources"] == [{"url": "https://example.com/sums", "title": "Sums"}]
    assert branch(Chat.objects.get(title="Older")) == ["Hello", "Hi there!"]
    failed = Message.objects.get(content="Out of memory")
    assert (failed.status, failed.error["message"]) == ("failed", "Out of memory")
    assert (sums.updated.timestamp(), bool(sums.pinned_at)) == (1700000030, True)


@pytest.mark.parametrize("recursive", [False, True])
def test_librechat_comes_whole(site, alice, recursive):
    headers = {"Authorization": f"Bearer {people.make_key(alice)}"}
    bring(site, headers, exports.librechat(recursive=recursive), "A story.json")
    chat = Chat.objects.get()
    assert branch(chat) == ["Tell me a story", "Once upon a time."]
    question, first, second = chat.messages.order_by("created")
    assert (first.parent_id, second.parent_id, first.status) == (question.pk, question.pk, "stopped")
    assert (second.reasoning, second.model) == ("A tale.", "gpt-4o")
    look, _report = bring(site, headers, exports.librechat(recursive=not recursive), "again.json")
    assert look["chats"] == {"known": 1}


BROKEN = {
    "no_json": b"hello",
    "cut": exports.open_webui()[:-20],
    "nothing": b"[]",
    "strangers": b'[{"a": 1}, 7, null, "x"]',
    "no_archive": b"PK\x03\x04 nothing",
    "deep": b"[" * 50_000,
    "circle": json.dumps(
        [
            {
                "id": "x",
                "mapping": {
                    "a": {"id": "a", "parent": "b", "children": ["b"], "message": {"author": 3, "content": []}},
                    "b": {"id": "b", "parent": "a", "children": ["a", 5, None]},
                },
                "current_node": ["a"],
            }
        ]
    ).encode(),
    "types": json.dumps(
        [{"title": 5, "chat": {"history": {"messages": {"a": 7, "b": {"role": [], "content": {"x": "\ud800"}}}}}}]
    ).encode(),
    "no_chats": exports.zipped({"notes.txt": "x"}),
}


def test_what_cannot_be_read_says_why(site, alice):
    headers = {"Authorization": f"Bearer {people.make_key(alice)}"}
    for name, content in BROKEN.items():
        made = look_through(site, headers, content, "x.json")
        assert made["state"] in ("failed", "ready"), name
        if made["state"] == "failed":
            assert made["error"]["message"], name
            assert made["error"]["code"] != "internal_error", (name, made)
        else:  # what was whole before the end
            assert made["report"]["chats"].get("unreadable"), (name, made)
    assert not Chat.objects.exists()
    # A circle of messages that hold something is cut.
    tied = {"id": "t", "chat": {"history": {"currentId": "a", "messages": {}}}}
    for key, other in (("a", "b"), ("b", "a")):
        tied["chat"]["history"]["messages"][key] = {"id": key, "parentId": other, "role": "user", "content": f"\0{key}"}
    bring(site, headers, json.dumps([tied]).encode(), "tied.json")
    assert sorted(Message.objects.values_list("content", flat=True)) == ["a", "b"]
    assert Message.objects.filter(parent=None).count() == 1


# An export of each format, by its name: what every format has to do.
EXAMPLES = {
    "chatgpt": exports.chatgpt_chat(),
    "open-webui": json.loads(exports.open_webui())[0],
    "librechat": json.loads(exports.librechat(recursive=True)),
    "ours": {
        "id": "2c7fd3f4-8a5b-4ccb-9f43-7a1d1f6c9e10",
        "title": "Ours",
        "leaf": "b",
        "messages": [
            {"id": "a", "parent": None, "role": "user", "content": "Hello", "files": []},
            {"id": "b", "parent": "a", "role": "assistant", "content": "Hi", "status": "done", "files": []},
        ],
    },
}


def test_every_format_is_recognised_alone_and_bears_anything():
    assert set(EXAMPLES) == {format.name for format in FORMATS}
    origin = Origin(ExportSource(io.BytesIO()), "", lambda _address: None)
    for name, item in EXAMPLES.items():
        assert [format.name for format in FORMATS if format.fits(item)] == [name]
        format = format_of(item)
        chat = format.read(item, origin)
        assert chat.key, name
        assert chat.leaf in {message.key for message in chat.messages}, name
        for broken in _mutilated(item):  # whatever is wrong with a value is told, never raised
            if format.fits(broken):
                with contextlib.suppress(Unreadable):
                    writer.in_order(format.read(broken, origin).messages)


def test_rules_of_an_own_chat_come_where_they_are_valid():
    rules = {"temperature": 9, "max_tokens": 5, "system_prompt": "Be\0brief.", "tools": None, "reasoning_effort": "x"}
    for folder, given in (("f", rules), (None, [])):
        item = {**EXAMPLES["ours"], "rules": {**rules, "strange": 1} if given else given, "folder": folder}
        chat = format_of(item).read(item, Origin(ExportSource(io.BytesIO()), "", lambda _address: None))
        assert chat.rules == ({"max_tokens": 5, "system_prompt": "Bebrief."} if given else {})
        assert (chat.folder is None) == (folder is None)


def _mutilated(value):
    """The value with each of its parts replaced by others, one at a time."""
    others = (None, 7, "x", [], {}, [None], {"x": 1})
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        for other in others:
            yield _with(value, key, other)
        for broken in _mutilated(inner):
            yield _with(value, key, broken)


def _with(value, key, inner):
    copy = value.copy()
    copy[key] = inner
    return copy
