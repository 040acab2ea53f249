"""Files: upload, content detection, deduplication, safe serving, clean-up."""

import io
import uuid
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from chat import exchanges, files
from chat.files import rows, stores
from chat.models import Chat, File, Message, Transfer
from chat.pipeline import CompletionRequest
from providers import callers
from providers.errors import BadRequest, TooLarge


def png(width=8, height=6, colour="red"):
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}},
    }
    return tmp_path


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


def body(response):
    """The bytes of an answer that streams asynchronously."""

    async def collect():
        return b"".join([piece async for piece in response.streaming_content])

    return async_to_sync(collect)() if response.streaming else response.content


@pytest.mark.parametrize(
    ("content", "name", "content_type"),
    [
        (png(), "x.exe", "image/png"),
        (b"%PDF-1.7 ...", "x.txt", "application/pdf"),
        (b"<html><script>alert(1)</script>", "page.html", "text/plain"),
        (b"a,b\n1,2\n", "table.csv", "text/csv"),
        ("你好".encode(), "notes.md", "text/markdown"),
        (b"\x7fELF\0\0\0", "song.mp3", "application/octet-stream"),
        (b"ID3\x04\0", "song", "audio/mpeg"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg", "image/svg+xml"),
    ],
)
def test_a_file_is_what_its_bytes_say(db, alice, content, name, content_type):
    assert files.accept(alice, content, name=name).content_type == content_type


def test_a_name_is_cut_to_what_is_safe_and_gets_the_extension_of_its_content(db, alice):
    row = files.accept(alice, png(), name="../../etc/pass\nwd.exe")
    assert row.name == "passwd.png"


def test_an_empty_file_is_refused(db, alice):
    with pytest.raises(BadRequest):
        files.accept(alice, b"")


def test_a_file_above_the_limit_is_refused(db, alice, settings):
    settings.FILE_MAX_BYTES = 10
    with pytest.raises(TooLarge):
        files.accept(alice, b"x" * 11)


def test_a_picture_bomb_is_refused_and_nothing_is_stored(db, alice, store):
    out = io.BytesIO()
    Image.new("1", (29_000, 29_000)).save(out, "PNG")
    with pytest.raises(TooLarge):
        files.accept(alice, out.getvalue())
    assert list(store.rglob("*.png")) == []


def test_a_quota_counts_the_same_bytes_once(db, alice, settings):
    settings.FILE_QUOTA_BYTES = 25
    files.accept(alice, b"x" * 10)
    files.accept(alice, b"x" * 10)
    files.accept(alice, b"y" * 10)
    with pytest.raises(TooLarge) as refused:
        files.accept(alice, b"z" * 10)
    assert refused.value.code == "quota_exceeded"


def test_what_was_deleted_makes_room_at_once_and_is_never_more_than_the_quota(db, alice, settings):
    settings.FILE_QUOTA_BYTES = 25
    first, second = (files.accept(alice, letter * 10) for letter in (b"x", b"y"))
    files.remove(alice.pk, [first.pk])
    files.accept(alice, b"z" * 5)  # both have room
    assert File.everything.filter(pk=first.pk).exists()
    files.accept(alice, b"z" * 6)
    assert not File.everything.filter(pk=first.pk).exists()
    assert File.objects.filter(pk=second.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_of_one_owner_are_stored_once_and_go_with_the_last_row(alice, bob, store):
    first, second, other = (files.accept(who, png()) for who in (alice, alice, bob))
    assert first.storage_name == second.storage_name != other.storage_name
    first.delete()
    assert stores.read(second.storage_name) == png()
    second.delete()
    assert not storages["default"].exists(second.storage_name)
    assert stores.read(other.storage_name) == png()


@pytest.mark.django_db(transaction=True)
def test_a_deleted_chat_takes_its_files_and_thumbnails_along(alice, store):
    chat = Chat.objects.create(user=alice)
    message = Message.objects.create(chat=chat, role="user")
    row = files.accept(alice, png(600, 600), context=files.FileContext(chat=chat, message=message))
    files.thumbnail(row, 100)
    chat.delete()
    assert not File.objects.exists()
    assert [path for path in store.rglob("*") if path.is_file()] == []


def test_content_is_served_closed_to_scripts_and_to_strangers(db, alice, bob, admin):
    row = files.accept(alice, png(), name="cat.png")
    response = client_of(alice).get(row.url)
    assert body(response) == png()
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"].startswith("default-src 'none'")
    assert response["Content-Disposition"] == 'inline; filename="cat.png"'
    assert client_of(admin).get(row.url).status_code == 200
    assert client_of(bob).get(row.url).status_code == 404
    assert Client().get(row.url).status_code == 401


def test_content_that_the_store_lost_is_said_and_is_no_fault(db, alice, store):
    row = files.accept(alice, png(), name="a.png")
    stores.delete(row.storage_name)
    client = client_of(alice)
    for address in (row.url, f"{row.url}?download=1", f"{row.url}?w=128"):
        answer = client.get(address)
        assert (answer.status_code, answer.json()["code"]) == (404, "content_gone"), address
    assert client.get(f"/api/v1/files/{row.pk}").status_code == 200


@pytest.mark.parametrize("content", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"PK\x03\x04"])
def test_what_a_browser_could_run_comes_as_a_download(db, alice, content):
    row = files.accept(alice, content)
    assert client_of(alice).get(row.url)["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("header", "status", "expected", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=5-2", 416, b"", "bytes */10"),
    ],
)
def test_a_range_of_a_file_can_be_asked_for(db, alice, header, status, expected, content_range):
    row = files.accept(alice, b"0123456789")
    response = client_of(alice).get(row.url, headers={"range": header})
    assert response.status_code == status
    assert body(response) == expected
    assert response.get("Content-Range") == content_range


@pytest.mark.parametrize(("known", "status"), [("same", 206), ('"other"', 200)])
def test_the_rest_of_a_download_comes_only_if_it_is_still_the_same_file(db, alice, known, status):
    row = files.accept(alice, b"0123456789")
    etag = f'"{row.sha256}"' if known == "same" else known
    response = client_of(alice).get(row.url, headers={"range": "bytes=7-", "if-range": etag})
    assert (response.status_code, body(response)) == (status, b"789" if status == 206 else b"0123456789")


def test_a_thumbnail_is_a_webp_kept_beside_the_picture(db, alice):
    row = files.accept(alice, png(2000, 1000))
    response = client_of(alice).get(f"{row.url}?w=200")
    with Image.open(io.BytesIO(response.content)) as small:
        assert (small.format, small.width) == ("WEBP", 256)
    known = client_of(alice).get(f"{row.url}?w=200", headers={"if-none-match": response["ETag"]})
    assert known.status_code == 304


def test_a_client_that_asks_for_json_gets_the_metadata_and_an_img_the_picture(db, alice):
    row = files.accept(alice, png())
    address = f"/api/v1/files/{row.pk}"
    metadata = client_of(alice).get(address, headers={"accept": "application/json"}).json()
    assert (metadata["content_type"], metadata["width"], metadata["height"]) == ("image/png", 8, 6)
    assert body(client_of(alice).get(address, headers={"accept": "image/avif,image/*,*/*;q=0.8"})) == png()


IMG = [  # what browsers send for an `<img>`, and what programs send for a picture
    "image/*",
    "image/png",
    "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",  # Chrome
    "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",  # Firefox
    "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    "IMAGE/WEBP, image/*;q=0.5",
]


@pytest.mark.parametrize("accept", IMG)
def test_an_img_gets_the_picture_whatever_it_accepts(db, alice, bob, accept):
    row = files.accept(alice, png())
    address = f"/api/v1/files/{row.pk}"
    answer = client_of(alice).get(address, headers={"accept": accept})
    assert (answer.status_code, body(answer), answer["Content-Type"]) == (200, png(), "image/png")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "Accept" in answer["Vary"]
    theirs = client_of(bob).get(address, headers={"accept": accept})
    assert (theirs.status_code, theirs.json()["code"]) == (404, "file_not_found")
    nobody = Client().get(address, headers={"accept": accept})
    assert (nobody.status_code, set(nobody.json())) == (401, {"detail", "code"})


@pytest.mark.parametrize("accept", ["application/json", "*/*", "", "text/plain", "application/json, image/*;q=0.1"])
def test_everybody_else_gets_the_metadata(db, alice, accept):
    row = files.accept(alice, png())
    answer = client_of(alice).get(f"/api/v1/files/{row.pk}", headers={"accept": accept})
    assert (answer.status_code, answer.json()["id"]) == (200, str(row.pk))


def test_the_metadata_say_what_a_file_belongs_to(db, alice):
    chat = Chat.objects.create(user=alice)
    message = Message.objects.create(chat=chat, role="user")
    row = files.accept(alice, png(), context=files.FileContext(chat=chat, message=message, session_id="s-1"))
    facts = client_of(alice).get(f"/api/v1/files/{row.pk}").json()
    named = ("chat_id", "message_id", "session_id")
    assert tuple(facts[name] for name in named) == (str(chat.pk), str(message.pk), "s-1")
    loose = client_of(alice).get(f"/api/v1/files/{files.accept(alice, b'x').pk}").json()
    assert tuple(loose[name] for name in named) == (None, None, None)


def test_an_upload_waits_a_week_for_its_message_and_is_collected_when_none_comes(db, alice, store):
    response = client_of(alice).post("/api/v1/files/", {"file": SimpleUploadedFile("a.txt", b"hello")})
    assert response.status_code == 201
    row = File.objects.get(pk=response.json()["id"])
    assert files.collect().expired == 0
    assert files.collect(now=timezone.now() + timedelta(days=files.UPLOAD_DAYS + 1)).expired == 1
    assert not File.objects.filter(pk=row.pk).exists()


def test_an_attached_upload_stays(db, alice):
    chat = Chat.objects.create(user=alice)
    message = Message.objects.create(chat=chat, role="user")
    row = files.accept(alice, b"hello", context=files.upload_context())
    files.attach([row], message)
    assert files.collect(now=timezone.now() + timedelta(days=365)).expired == 0
    row.refresh_from_db()
    assert (row.chat, row.message) == (chat, message)


def test_the_collector_leaves_what_is_not_the_sites_own(db, alice):
    names = [stores.write(name, b"dump") for name in ("backups/db.dump", "ab/other.png", f"ab/{'ab' * 32}.png")]
    result = files.collect(now=timezone.now() + timedelta(hours=2))
    assert result.stray == 0
    assert all(storages["default"].exists(name) for name in names)


def test_the_collector_takes_no_other_sites_files(db, alice, monkeypatch, caplog):
    monkeypatch.setattr(rows, "MOST_STRAY", 2)
    names = [stores.write(f"ab/{'ab' * 32}-0123456{number}.png", b"other") for number in range(3)]
    result = files.collect(now=timezone.now() + timedelta(hours=2))
    assert result.stray == 0
    assert all(storages["default"].exists(name) for name in names)
    assert "no row knows" in caplog.text


def test_the_collector_removes_stray_bytes_and_names_rows_without_bytes(db, alice):
    row = files.accept(alice, b"kept")
    gone = files.accept(alice, b"gone")
    stores.delete(gone.storage_name)
    stray = stores.write(f"ab/{'ab' * 32}-01234567.png", b"stray")
    lost, waits = (stores.write(f"transfers/{uuid.uuid4()}", b"export") for _upload in range(2))
    Transfer.objects.create(user=alice, kind="import", storage_name=waits)
    result = files.collect(now=timezone.now() + timedelta(hours=2))
    assert (result.stray, result.missing) == (2, (str(gone.pk),))
    assert not storages["default"].exists(stray)
    assert not storages["default"].exists(lost)
    assert (stores.read(row.storage_name), stores.read(waits)) == (b"kept", b"export")


def test_a_file_can_be_deleted_by_its_owner_alone(db, alice, bob):
    row = files.accept(alice, b"mine")
    assert client_of(bob).delete(f"/api/v1/files/{row.pk}").status_code == 404
    assert client_of(alice).delete(f"/api/v1/files/{row.pk}").status_code == 204
    assert not File.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_deletion_can_be_undone_for_an_hour_and_nobody_sees_the_file_meanwhile(alice, bob, admin, store):
    chat = Chat.objects.create(user=alice)
    message = Message.objects.create(chat=chat, role="user")
    row = files.accept(alice, png(), context=files.FileContext(chat=chat, message=message))
    address, owner = f"/api/v1/files/{row.pk}", client_of(alice)
    assert owner.post(f"{address}/restore").status_code == 404
    owner.delete(address)
    for person in (alice, admin):
        assert client_of(person).get(row.url).status_code == 404
    assert owner.delete(address).status_code == 404
    assert owner.get("/api/v1/files/").json()["results"] == []
    assert not message.file_rows.exists()
    assert files.used_bytes(alice.pk) == 0
    files.collect()
    assert client_of(bob).post(f"{address}/restore").status_code == 404
    assert owner.post(f"{address}/restore").json()["id"] == str(row.pk)
    assert body(owner.get(row.url)) == png()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["collected", "another one is deleted", "its chat goes"])
def test_a_deletion_is_for_good_after_that(alice, store, way):
    chat = Chat.objects.create(user=alice)
    row, other = (files.accept(alice, content, context=files.FileContext(chat=chat)) for content in (png(), b"other"))
    files.remove(alice.pk, [row.pk])
    File.everything.filter(pk=row.pk).update(deleted_at=timezone.now() - 2 * files.UNDO)
    if way == "collected":
        files.collect()
    elif way == "another one is deleted":
        files.remove(alice.pk, [other.pk])
    else:
        chat.delete()
    assert not File.everything.filter(pk=row.pk).exists()
    assert not storages["default"].exists(row.storage_name)


def test_an_upload_for_a_temporary_chat_goes_after_a_day(alice, store):
    form = {"file": SimpleUploadedFile("a.png", png()), "temporary": "1", "session_id": "s1"}
    answer = client_of(alice).post("/api/v1/files/", form).json()
    row = File.objects.get(pk=answer["id"])
    kept = files.accept(alice, b"stays")

    assert answer["expires_at"] == row.expires_at.isoformat()
    assert row.session_id == "s1"
    assert files.collect(now=timezone.now() + timedelta(hours=23), dry_run=True).expired == 0
    assert files.collect(now=timezone.now() + timedelta(hours=24)).expired == 1
    assert list(File.objects.all()) == [kept]
    with pytest.raises(FileNotFoundError):
        stores.read(row.storage_name)


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_sent_again_stays_where_it_was(alice, admin, connection, store):
    chats, held = [], files.accept(alice, png(), context=files.upload_context())
    for person in (alice, alice, admin):
        request = CompletionRequest(callers.caller_for_user(person))
        chats.append(exchanges.start_chat(request, content="This one", files=[held.pk]).chat)
    rows = [chat.file_rows.get() for chat in chats]
    assert rows[0] == held
    assert [row.owner for row in rows] == [alice, alice, admin]
    assert [row.message.files[0]["id"] for row in rows] == [str(row.pk) for row in rows]
    assert {row.storage_name for row in rows} == {held.storage_name}
    chats[1].delete()
    assert stores.read(rows[0].storage_name) == png()


@pytest.mark.django_db(transaction=True)
def test_a_picture_of_ones_own_that_is_sent_is_not_given_up(alice, connection, store):
    drawn = files.accept(alice, png(), context=files.FileContext(provenance={"engine": "Placeholder"}))
    request = CompletionRequest(callers.caller_for_user(alice))
    exchanges.start_chat(request, content="This one", files=[drawn.pk]).chat.delete()
    drawn.refresh_from_db()
    assert stores.read(drawn.storage_name) == png()


@pytest.mark.django_db
def test_what_a_message_holds_is_not_taken_back_with_an_attachment(alice):
    chat = Chat.objects.create(user=alice)
    sent = files.accept(
        alice, b"sent", context=files.FileContext(message=Message.objects.create(chat=chat, role="user"))
    )
    unsent = files.accept(alice, b"unsent", context=files.upload_context())
    for row in (sent, unsent):
        assert client_of(alice).delete(f"/api/v1/files/{row.pk}?unsent=1").status_code == 204
    assert list(File.objects.all()) == [sent]


@pytest.mark.django_db
def test_text_that_could_run_is_a_download_by_its_name(alice):
    shown, kept = (files.accept(alice, b"<script>alert(1)</script>", name=name) for name in ("a.txt", "a.html"))
    client = client_of(alice)
    assert client.get(shown.url)["Content-Disposition"].startswith("inline")
    assert client.get(kept.url)["Content-Disposition"].startswith("attachment")
    assert client.get(kept.url)["Content-Type"] == "text/plain"
