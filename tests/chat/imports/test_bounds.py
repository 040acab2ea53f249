"""Exports that are made to be large: texts, archives and files that a few bytes blow up."""

import io
import json
import struct
import zipfile
from pathlib import Path

import pytest

from chat.files import stores
from chat.imports import source, values, work, writer
from chat.imports.formats.base import Origin, data_url, without_empty
from chat.imports.formats.table import format_of
from chat.imports.source import ExportSource, open_source
from chat.imports.values import ImportedMessage
from chat.models import File, Message, Transfer
from chat.transfers import Work
from providers.errors import TooLarge
from tests.chat.files.test_rows import png
from tests.chat.imports import exports

NOTHING = Origin(ExportSource(io.BytesIO()), "", lambda _address: None)
WHOLE = values.MAX_CHARACTERS


def read(item):
    """The text and the thoughts of the last message."""
    message = format_of(item).read(item, NOTHING).messages[-1]
    return message.content, message.reasoning


def from_open_webui(content):
    return read({"id": "x", "chat": {"messages": [{"role": "assistant", "content": content}]}})


def from_chatgpt(words, **metadata):
    message = exports.said("a", "assistant", exports.text(words), 1.0, **metadata)
    return read({"id": "x", "mapping": {"a": exports.node("a", None, [], message)}})[0]


def test_texts_whose_marks_never_end_are_read_in_one_pass():
    opening = '<details type="reasoning">'
    for piece in (opening, opening[:-1], "<details ", "<details" + 40 * " "):
        text = piece * (500_000 // len(piece))
        assert from_open_webui(text) == (text, "")
    inner = "<summary>" * 100_000
    assert from_open_webui(f"A\n{opening}{inner}</details>\n\nB") == ("A\nB", inner)
    assert from_open_webui(f"{opening}<summary>S</summary>\n&gt; T\n</details>U") == ("U", "T")
    assert from_chatgpt("\ue200" * 100_000 + "x") == "x"
    assert from_chatgpt("【1†" * 100_000) == "【1†" * 100_000
    assert from_chatgpt("a 【1†b】【2:3†c】") == "a"
    assert data_url("data:" + ";a" * 100_000) is None
    assert data_url("data:image/png;charset=x;base64,YQ==") == b"a"
    # A long way of empty messages up from each of many that are below it.
    empty = [ImportedMessage(f"e{n}", f"e{n - 1}", "user") for n in range(5000)]
    below = [ImportedMessage(f"b{n}", "e4999", "user", "x") for n in range(5000)]
    filled, leaf = without_empty([ImportedMessage("e-1", None, "user", "top"), *empty, *below], "b7")
    assert (len(filled), {message.parent for message in filled[1:]}, leaf) == (5001, {"e-1"}, "b7")


def test_what_is_put_into_a_text_is_bounded_and_not_looked_at_again():
    reference = {"matched_text": "\ue200", "alt": "\ue200" * 4000}
    assert from_chatgpt("\ue200" * 2000, content_references=[reference]) == "\ue200" * WHOLE
    addresses = {"f": "<files/f>", "f-i": "<i>", "i": "ff"}
    assert writer._relocated("f f-i i.", addresses) == "<files/f> <i> ff."
    assert len(writer._relocated("f" * 100_000, {"f": "x" * 1000})) == WHOLE


def with_another_end(content):
    """The archive with the end that larger ones have, behind which a small list of entries is claimed."""
    end = content[-22:]
    count, size, offset = struct.unpack_from("<HLL", end, 10)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(content) - 22, 1)
    return content[:-22] + record + locator + end[:12] + struct.pack("<LL", 100, offset) + end[20:]


def test_a_list_of_entries_is_bounded_whatever_the_archive_says(monkeypatch):
    content = with_another_end(exports.zipped({f"{number}.json": "[]" for number in range(200)}))
    assert len(zipfile.ZipFile(io.BytesIO(content)).infolist()) == 200
    assert len(open_source(io.BytesIO(content)).paths) == 200
    monkeypatch.setattr(source, "MAX_READ", 5000)
    with pytest.raises(TooLarge):
        open_source(io.BytesIO(content))


def run(user, content, **options):
    row = Transfer.objects.create(user=user, kind="import", state="running", worker="x", options=options, name="x.zip")
    row.storage_name = stores.write("transfers/test", content)
    row.save()
    return work.run(Work(row, is_leaving=lambda: False))


@pytest.mark.django_db(transaction=True)
def test_a_file_of_many_messages_is_read_once_and_all_are_bounded(alice, monkeypatch):
    picture = png(9, 7, "green")
    rows = [
        {"id": f"m{n}", "parent": None, "role": "user", "content": "files/a.png", "files": [{"url": "files/a.png"}]}
        for n in range(3)
    ]
    chat = {"id": "c", "title": "Thrice", "leaf": "m0", "messages": rows}
    content = exports.zipped({"chat.json": json.dumps(chat), "files/a.png": picture})
    monkeypatch.setattr(source, "MAX_UNPACKED", len(picture))
    assert run(alice, content)["files"] == 3
    assert run(alice, content, go=True)["files"] == 3
    assert {message.content for message in Message.objects.all()} == {row.url for row in File.objects.all()}
    assert (File.objects.count(), File.objects.values("storage_name").distinct().count()) == (3, 1)
    Message.objects.all().delete()
    monkeypatch.setattr(source, "MAX_UNPACKED", len(picture) - 1)
    for options in ({}, {"go": True}):
        with pytest.raises(TooLarge, match="unpack"):
            run(alice, content, **options)


def test_only_what_is_wrong_with_an_archive_is_unreadable():
    content = bytearray(exports.zipped({"chat.json": "[" + 5000 * "1," + "1]"}))
    (document,) = open_source(io.BytesIO(bytes(content))).documents(())
    with pytest.raises(FileNotFoundError), document.open():
        Path("/nowhere/at/all").read_bytes()  # as a store does while a chat is brought in
    content[45] ^= 0xFF
    (document,) = open_source(io.BytesIO(bytes(content))).documents(())
    with pytest.raises(values.Unreadable), document.open() as file:
        file.read()
