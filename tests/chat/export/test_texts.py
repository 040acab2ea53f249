"""Export of a chat: Markdown, JSON, and a ZIP archive with both and the pictures."""

import io
import json
import zipfile
from pathlib import PurePath

import pytest
from django.test import Client

from chat import files
from chat.export import archive
from chat.files import FileContext, stores
from chat.models import Chat, Message
from providers.process import storage_providers
from tests import people
from tests.chat.files.test_rows import body, png
from tests.chat.sharing.test_sharing import client_of
from tests.queries import assert_queries_do_not_grow

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}},
    }
    return tmp_path


def add(chat, role, content, *, parent=None, names=()):
    """A message with files of these names: pictures by their extension, else texts."""
    message = Message.objects.create(chat=chat, parent=parent, role=role, content=content)
    for name in names:
        width = Message.objects.count() + 8
        held = png(width, 8) if name.endswith(".png") else f"The words of {name} and {message.pk}".encode()
        row = files.accept(chat.user, held, name=name, context=FileContext(chat=chat, message=message))
        message.files.append(files.file_json(row))
    message.save()
    return message


@pytest.fixture
def chat(alice):
    """A question with a picture; two answers with a picture each of the same name, the second shown."""
    chat = Chat.objects.create(user=alice, title="Sky & sea")
    asked = add(chat, "user", "What is this?", names=["sky [blue].png", "notes.txt"])
    add(chat, "assistant", "A sea.", parent=asked, names=["picture.png"])
    chat.leaf = add(chat, "assistant", "A sky.", parent=asked, names=["picture.png"])
    chat.leaf.content += f" ![it]({chat.leaf.files[0]['url']}) and ![gone](/api/v1/files/{asked.pk}/content)"
    chat.leaf.save()
    chat.save()
    return chat


def unpacked(chat, user):
    answer = client_of(user).get(f"/api/v1/chats/{chat.pk}/export.zip")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/zip"
    opened = zipfile.ZipFile(io.BytesIO(body(answer)))
    assert opened.testzip() is None
    return answer, opened


def test_the_archive_holds_both_texts_and_every_file_once(chat, alice):
    answer, opened = unpacked(chat, alice)

    assert answer["Content-Disposition"] == 'attachment; filename="sky-sea.zip"'
    assert sorted(opened.namelist()) == [
        *("chat.json", "chat.md"),
        *("files/notes.txt", "files/picture-2.png", "files/picture.png", "files/sky [blue].png"),
    ]
    assert opened.getinfo("files/picture.png").compress_type == zipfile.ZIP_STORED
    assert opened.getinfo("files/notes.txt").compress_type == zipfile.ZIP_DEFLATED
    asked, first, second = chat.messages.all()
    whole = json.loads(opened.read("chat.json"))
    assert [message["content"] for message in whole["messages"]][:2] == ["What is this?", "A sea."]
    for message, named in zip((asked, first, second), whole["messages"], strict=True):
        for row, file in zip(message.file_rows.order_by("created"), named["files"], strict=True):
            path = file["url"].replace("%20", " ").replace("%5B", "[").replace("%5D", "]")
            assert opened.read(path) == stores.read(row.storage_name)
    assert f"![it]({whole['messages'][2]['files'][0]['url']})" in whole["messages"][2]["content"]


def test_the_archives_markdown_shows_its_pictures(chat, alice):
    text = unpacked(chat, alice)[1].read("chat.md").decode()
    assert "![sky \\[blue\\].png](files/sky%20%5Bblue%5D.png)" in text
    assert "[notes.txt](files/notes.txt)" in text
    assert "![picture.png](files/picture-2.png)" in text
    assert "![it](files/picture-2.png)" in text
    assert "A sea." not in text


def test_markdown_alone_names_pictures_where_the_site_serves_them(chat, alice, settings):
    address = f"/api/v1/chats/{chat.pk}/export.md"
    url = chat.leaf.files[0]["url"]
    assert f"![picture.png]({url})" in client_of(alice).get(address).content.decode()
    settings.SITE_URL = "https://chat.example.com"
    text = client_of(alice).get(address).content.decode()
    assert f"![picture.png](https://chat.example.com{url})" in text
    assert f"![it](https://chat.example.com{url})" in text


def test_json_alone_keeps_its_shape(chat, alice):
    owner = client_of(alice)
    assert owner.get(f"/api/v1/chats/{chat.pk}/export").json() == owner.get(f"/api/v1/chats/{chat.pk}").json()


def test_a_file_whose_bytes_are_gone_is_left_out_and_the_rest_is_whole(chat, alice):
    stores.delete(chat.leaf.file_rows.get().storage_name)
    _answer, opened = unpacked(chat, alice)
    assert "files/picture-2.png" not in opened.namelist()
    assert f"![picture.png]({chat.leaf.files[0]['url']})" in opened.read("chat.md").decode()


def test_other_peoples_files_are_in_no_archive(chat, alice, bob):
    theirs = files.accept(bob, png(50, 50), name="theirs.png", context=FileContext(chat=chat))
    chat.leaf.files += [files.file_json(theirs), {"id": "nonsense", "url": "https://elsewhere.example/x.png"}, "odd"]
    chat.leaf.files.pop()
    chat.leaf.save()
    opened = unpacked(chat, alice)[1]
    assert not any("theirs" in name for name in opened.namelist())
    assert "https://elsewhere.example/x.png" in opened.read("chat.md").decode()


def test_only_the_owner_exports(chat, bob, admin):
    address = f"/api/v1/chats/{chat.pk}/export.zip"
    for person in (bob, admin):
        assert client_of(person).get(address).status_code == 404
    assert Client().get(address).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_a_key_exports_only_with_its_scope(chat, alice):
    for scopes, status in ((["images"], 403), (["chats"], 200)):
        key = people.make_key(alice, scopes=scopes)
        answer = Client().get(f"/api/v1/chats/{chat.pk}/export.zip", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == status


def test_an_empty_chat_is_an_archive_too(alice):
    assert unpacked(Chat.objects.create(user=alice), alice)[1].namelist() == ["chat.json", "chat.md"]


def test_an_archive_takes_a_constant_number_of_queries(chat, alice):
    def grow():
        for _number in range(5):
            add(chat, "user", "More", parent=chat.leaf, names=["more.png"])

    assert_queries_do_not_grow(lambda: list(archive.pieces(Chat.objects.get(pk=chat.pk))), grow)


def test_a_large_file_is_never_in_memory_as_a_whole(chat, alice):
    files.accept(alice, bytes(5_000_000), name="large.bin", context=FileContext(chat=chat))
    largest = max(len(piece) for piece in archive.pieces(chat))
    assert largest <= storage_providers.PIECE + 1000


@pytest.mark.parametrize(
    ("name", "unique"),
    [
        ("picture.png", "picture.png"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\evil.png", "C__evil.png"),
        ("con.txt", "_con.txt"),
        ("...", "file"),
        ("", "file"),
        ("图.png", "图.png"),
    ],
)
def test_a_name_in_the_archive_can_be_unpacked_anywhere(name, unique):
    taken = set()
    assert archive.unique_name(name, taken) == unique
    other = archive.unique_name(name.upper(), taken)
    path = PurePath(unique)
    assert other.casefold() == f"{path.stem}-2{path.suffix}".casefold()
