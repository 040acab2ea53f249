"""Drafts: kept per chat, the newest counts, gone when empty, bounded, never of somebody else's or a temporary chat."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat import files
from chat.drafts import services
from chat.models import Chat, Draft
from tests.chat.files.test_rows import png
from tests.chat.sharing.test_sharing import client_of, store  # noqa: F401  the store of each test's own

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


def test_a_draft_is_kept_with_its_files_and_the_newest_counts(alice, bob):
    chat = Chat.objects.create(user=alice)
    owner, address = client_of(alice), f"/api/v1/drafts/{chat.pk}"
    upload = files.accept(alice, png(), name="a.png", context=files.upload_context())
    strangers = files.accept(bob, png(3, 3), name="b.png", context=files.upload_context())
    body = {"text": "Hal\0lo\n", "files": [{"id": str(upload.pk)}, {"id": str(strangers.pk)}, {"id": "x"}]}
    kept = owner.put(address, body, **JSON)
    assert kept.status_code == 200, kept.content
    assert (kept.json()["text"], [file["id"] for file in kept.json()["files"]]) == ("Hallo\n", [str(upload.pk)])
    assert owner.get(address).json() == kept.json()
    page = owner.get(f"/c/{chat.pk}").content.decode()
    assert "data-draft=" in page
    assert str(upload.pk) in page
    # Another device wrote that a minute before: it comes too late.
    late = owner.put(address, {"text": "Older", "age": 60}, **JSON)
    assert (late.status_code, late.json()["code"]) == (409, "newer_draft")
    assert owner.put("/api/v1/drafts/new", {"text": "Begun"}, **JSON).status_code == 200
    listed = owner.get("/api/v1/drafts/").json()["results"]
    assert [(row["key"], row["text"]) for row in listed] == [("new", "Begun"), (str(chat.pk), "Hallo\n")]
    assert owner.put(address, {"text": "  "}, **JSON).status_code == 204
    assert owner.get(address).status_code == 404
    assert "data-draft=" not in owner.get(f"/c/{chat.pk}").content.decode()
    assert owner.delete("/api/v1/drafts/new").status_code == 204
    assert not Draft.objects.exists()


def test_drafts_of_others_of_temporary_chats_and_too_long_ones_are_refused(alice, bob, settings):
    chat = Chat.objects.create(user=alice)
    stranger = client_of(bob)
    for key in (str(chat.pk), "local:abc", "nothing"):
        assert stranger.put(f"/api/v1/drafts/{key}", {"text": "x"}, **JSON).status_code == 404, key
    for wrong in ({"text": "x" * 100_001}, {"text": 5, "files": 3}, {"text": "x", "age": -1}, {"age": "soon"}):
        assert stranger.put("/api/v1/drafts/new", wrong, **JSON).status_code == 400, wrong
    assert "data-draft" not in client_of(alice).get("/?temporary=1").content.decode()
    # A deleted chat hides its draft; old ones go, and beyond a number the oldest.
    services.keep(alice, str(chat.pk), text="Here")
    Chat.objects.update(deleted_at=timezone.now())
    assert client_of(alice).get("/api/v1/drafts/").json()["results"] == []
    assert services.purge(timezone.now()) == 0
    assert services.purge(timezone.now() + timedelta(days=61)) == 1
    moment = timezone.now() - timedelta(days=1)
    many = [Draft(user=alice, key=f"k{number}", text="x", written=moment) for number in range(services.MAX_DRAFTS)]
    Draft.objects.bulk_create(many)
    services.keep(alice, "new", text="Newest")
    assert Draft.objects.count() == services.MAX_DRAFTS
    assert Draft.objects.filter(key="new").exists()
