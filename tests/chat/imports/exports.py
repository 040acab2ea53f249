"""Exports of other sites in the forms that they publish, small: see docs/upstreams/exports.md."""

import base64
import io
import json
import zipfile
from typing import Any

from tests.chat.files.test_rows import png

PICTURE, DRAWN = png(9, 7, "green"), png(5, 5, "blue")
UPLOAD_ID, DRAWN_ID, DAT_ID = "file-AbC123", "file_00000000aa11", "file_00000000bb22"
MARK = "\ue200cite\ue202turn0search0\ue201"


def node(key: str, parent: str | None, children: list[str], message: dict[str, Any] | None) -> dict[str, Any]:
    return {"id": key, "message": message, "parent": parent, "children": children}


def said(key: str, role: str, content: dict[str, Any], when: float | None, **metadata: Any) -> dict[str, Any]:
    return {
        "id": key,
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": when,
        "update_time": None,
        "content": content,
        "status": "finished_successfully",
        "end_turn": None,
        "weight": 1.0,
        "metadata": metadata,
        "recipient": "all",
        "channel": None,
    }


def text(words: str) -> dict[str, Any]:
    return {"content_type": "text", "parts": [words]}


def pointer(key: str, scheme: str, **metadata: Any) -> dict[str, Any]:
    return {
        "content_type": "image_asset_pointer",
        "asset_pointer": f"{scheme}://{key}",
        "size_bytes": 10,
        "width": 9,
        "height": 7,
        "fovea": None,
        "metadata": metadata or None,
    }


def chatgpt_chat(*, grown: bool = False) -> dict[str, Any]:
    """A question with a picture, an answer of thoughts, code, its output and text, another version of the question
    with an answer that cites, and a drawn picture. `grown`: one more turn since.
    """
    hidden = {"is_visually_hidden_from_conversation": True}
    profile = {"content_type": "user_editable_context", "user_profile": "an SRE", "user_instructions": "Be brief."}
    ask = {"content_type": "multimodal_text", "parts": [pointer(UPLOAD_ID, "file-service"), "What is on it?"]}
    thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "Looking", "content": "A green thing."}]}
    recap = {"content_type": "reasoning_recap", "content": "Thought for 3s"}
    code = {"content_type": "code", "language": "python", "text": "print(9 * 7)"}
    output = {"content_type": "execution_output", "text": "63"}
    references = [
        {
            "matched_text": MARK,
            "alt": "([Colours](https://example.com/colours))",
            "type": "grouped_webpages",
            "items": [{"title": "Colours", "url": "https://example.com/colours"}],
        }
    ]
    drawn = {
        "content_type": "multimodal_text",
        "parts": [pointer(DRAWN_ID, "sediment", dalle={"prompt": "A blue square", "gen_id": "g"})],
    }
    rows = [
        node("root", None, ["ctx"], None),
        node("ctx", "root", ["q1", "q2"], said("ctx", "user", profile, None, **hidden)),
        node(
            "q1",
            "ctx",
            ["t1"],
            said(
                "q1",
                "user",
                ask,
                1756000001.5,
                attachments=[{"id": UPLOAD_ID, "name": "green.png", "size": 10, "mime_type": "image/png"}],
            ),
        ),
        node("t1", "q1", ["t2"], said("t1", "assistant", thoughts, 1756000002.0, model_slug="o4-mini")),
        node("t2", "t1", ["t3"], said("t2", "assistant", recap, 1756000003.0, model_slug="o4-mini")),
        node("t3", "t2", ["t4"], said("t3", "assistant", code, 1756000004.0, model_slug="o4-mini")),
        node("t4", "t3", ["t5"], said("t4", "tool", output, 1756000005.0)),
        node("t5", "t4", [], said("t5", "assistant", text("A green rectangle: 63."), 1756000006.0)),
        node("q2", "ctx", ["a2"], said("q2", "user", text("What is blue?"), 1756000100.0)),
        node(
            "a2",
            "q2",
            ["q3"],
            said("a2", "assistant", text(f"The sky {MARK}."), 1756000101.0, content_references=references),
        ),
        node("q3", "a2", ["a3"], said("q3", "user", text("Draw it"), 1756000200.0)),
        node("a3", "q3", ["a4"], said("a3", "tool", drawn, 1756000201.0)),
        node("a4", "a3", ["q5"] if grown else [], said("a4", "assistant", text("Here it is."), 1756000202.0)),
    ]
    if grown:
        rows += [
            node("q5", "a4", ["a5"], said("q5", "user", text("Thanks"), 1756000300.0)),
            node("a5", "q5", [], said("a5", "assistant", text("You are welcome."), 1756000301.0)),
        ]
    return {
        "title": "Green and blue",
        "create_time": 1756000000.25,
        "update_time": 1756000300.0,
        "mapping": {row["id"]: row for row in rows},
        "moderation_results": [],
        "current_node": "a5" if grown else "a4",
        "conversation_id": "6b0f0d9c-0000-4000-8000-000000000001",
        "is_archived": True,
        "default_model_slug": "gpt-5",
        "id": "6b0f0d9c-0000-4000-8000-000000000001",
    }


def chatgpt_broken() -> dict[str, Any]:
    return {"title": "Corrupted", "conversation_id": "c-2", "id": "c-2", "default_model_slug": "gpt-5"}


def chatgpt_plain(number: int) -> dict[str, Any]:
    rows = [
        node("root", None, ["q"], None),
        node("q", "root", ["a"], said("q", "user", text(f"Question {number}"), 1700000000.0 + number)),
        node("a", "q", [], said("a", "assistant", text(f"Answer {number}"), None)),
    ]
    mapping = {row["id"]: row for row in rows}
    return {"title": f"Chat {number}", "mapping": mapping, "current_node": "a", "id": f"plain-{number}"}


def chatgpt_dat() -> dict[str, Any]:
    """As since 2026: files are called `.dat`, and a list says what people called them."""
    made = chatgpt_plain(77)
    made["title"] = "With a document"
    ask = {"content_type": "multimodal_text", "parts": ["Read it", pointer("file_gone", "sediment")]}
    made["mapping"]["q"]["message"] = said(
        "q", "user", ask, 1756000001.0, attachments=[{"id": DAT_ID, "mimeType": "text/markdown"}]
    )
    return made


def chatgpt_zip(*, grown: bool = False) -> bytes:
    files = {
        "conversations-000.json": json.dumps([chatgpt_chat(grown=grown), chatgpt_broken()]),
        "conversations-001.json": json.dumps([chatgpt_plain(1), chatgpt_dat()]),
        "conversation_asset_file_names.json": json.dumps({f"{DAT_ID}.dat": "notes/My notes.md"}),
        "user.json": json.dumps({"id": "user-1", "email": "someone@example.com"}),
        "message_feedback.json": "[]",
        "chat.html": "<html></html>",
        f"{UPLOAD_ID}-green.png": PICTURE,
        f"dalle-generations/{DRAWN_ID}-6f1c.png": DRAWN,
        f"{DAT_ID}.dat": "# Notes\n\nKites.",
    }
    return zipped(files)


def zipped(files: dict[str, Any], **options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def open_webui() -> bytes:
    """Three chats: a tree with a picture, thoughts and two answers; an older list; one whose answer failed."""
    url = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
    tree = {
        "u1": {
            "id": "u1",
            "parentId": None,
            "childrenIds": ["a1", "a2"],
            "role": "user",
            "content": "What is 15 * 17?",
            "timestamp": 1700000000,
            "models": ["deepseek-r1"],
            "files": [
                {"type": "image", "url": url},
                {"type": "file", "name": "sums.pdf", "file": {"filename": "sums.pdf", "data": {"content": "15 17"}}},
                {"type": "image", "url": "/api/v1/files/0b8f/content", "name": "gone.png"},
            ],
        },
        "a1": {
            "id": "a1",
            "parentId": "u1",
            "childrenIds": [],
            "role": "assistant",
            "model": "deepseek-r1",
            "content": '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n'
            "> 15 * 10 + 15 * 7\n</details>\n255",
            "timestamp": 1700000010,
            "done": True,
        },
        "a2": {
            "id": "a2",
            "parentId": "u1",
            "childrenIds": [],
            "role": "assistant",
            "model": "llama3.1:latest",
            "content": "It is 255.",
            "timestamp": 1700000020,
            "sources": [{"source": {"name": "Sums"}, "metadata": [{"source": "https://example.com/sums"}]}],
        },
    }
    failed = {
        "f1": {"id": "f1", "parentId": None, "childrenIds": ["f2"], "role": "user", "content": "Hi", "timestamp": 1},
        "f2": {
            "id": "f2",
            "parentId": "f1",
            "childrenIds": [],
            "role": "assistant",
            "content": "",
            "error": {"content": "Out of memory"},
            "timestamp": 1700000500,
        },
    }
    rest = {"user_id": "u1", "share_id": None, "archived": False, "pinned": True, "meta": {}, "folder_id": None}
    chats = [
        {
            "id": "tree",
            "title": "Sums",
            "chat": {
                "title": "Sums",
                "models": ["deepseek-r1"],
                "history": {"currentId": "a1", "messages": tree},
                "messages": list(tree.values())[:2],
                "timestamp": 1700000000000,
            },
            "created_at": 1700000000,
            "updated_at": 1700000030,
            **rest,
        },
        {
            "id": "older",
            "title": "Older",
            "chat": {
                "models": ["llama2"],
                "messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi there!"}],
                "timestamp": 1690000000,
            },
        },
        {"id": "failed", "title": "Failed", "chat": {"history": {"currentId": "f2", "messages": failed}}, **rest},
    ]
    return json.dumps(chats).encode()


def _libre(key: str, parent: str, words: str, when: str, *, by_user: bool, **more: Any) -> dict[str, Any]:
    return {
        "messageId": key,
        "conversationId": "4a86c40e",
        "parentMessageId": parent,
        "isCreatedByUser": by_user,
        "sender": "User" if by_user else "GPT-4",
        "model": None if by_user else "gpt-4o",
        "text": words,
        "createdAt": when,
        "error": False,
        "unfinished": False,
        **more,
    }


def librechat(*, recursive: bool) -> bytes:
    """Two answers to one question, one of them cut; parts of content with thoughts in the other."""
    nobody = "00000000-0000-0000-0000-000000000000"
    parts = [{"type": "think", "think": "A tale."}, {"type": "text", "text": {"value": "Once upon a time."}}]
    question = _libre("m1", nobody, "Tell me a story", "2024-05-28T18:08:55.014Z", by_user=True)
    first = _libre("m2", "m1", "Of course! Settle", "2024-05-28T18:08:58.390Z", by_user=False, unfinished=True)
    second = _libre("m3", "m1", "", "2024-05-28T18:09:27.444Z", by_user=False, content=parts)
    head = {
        "conversationId": "4a86c40e",
        "endpoint": "openAI",
        "title": "A story",
        "exportAt": "13:18:04 GMT-0400 (Eastern Daylight Time)",
        "branches": True,
        "recursive": recursive,
        "options": {"presetId": None, "model": "gpt-4o", "endpoint": "openAI"},
    }
    if recursive:
        inner = [{**first, "children": []}, {**second, "children": []}]
        return json.dumps({**head, "messagesTree": [{**question, "children": inner}]}).encode()
    return json.dumps({**head, "messages": [question, first, second]}).encode()
