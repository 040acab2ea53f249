"""Pictures of temporary chats: they are shown like others, expire, and leave no request behind."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat import files
from chat.models import File, Message
from imagegen.models import ImageJob, ImageSettings
from tests.chat.talk import Talker
from tests.chat.temporary.test_temporary import ask
from tests.upstream.openai.images import in_base64
from tests.upstream.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def drawing(site, alice, connection, make_engine):
    ImageSettings.objects.update(prompt_generation=False)
    make_engine(kind="placeholder", secret="", model="")
    return Talker(site, alice)


def test_a_picture_has_an_end_and_its_request_is_forgotten(drawing, upstream, alice):
    upstream.answer("Here it is.")
    tab = drawing.listen()

    message_id = ask(drawing, features={"image_generation": True})
    tab.until_done(message_id)

    statuses = [event["data"]["data"] for event in tab.of(message_id) if event["data"]["type"] == "status"]
    assert (statuses[0]["description"], statuses[-1]["description"]) == ("Creating image", "Image created")
    shown = next(event["data"]["data"]["files"] for event in tab.of(message_id) if event["data"]["type"] == "files")
    row = File.objects.get()
    assert row.owner == alice
    assert (row.chat, row.message, row.session_id) == (None, None, "s1")
    left = row.expires_at - timezone.now()
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    assert shown[0]["id"] == str(row.pk)
    assert shown[0]["expires_at"] == row.expires_at.isoformat()
    assert drawing.send("GET", f"/api/v1/files/{row.pk}")["expires_at"] is not None
    assert "shows it above" in upstream.chats[0].json["messages"][0]["content"]
    assert not ImageJob.objects.exists()
    assert not Message.objects.exists()
    assert str(row.pk) not in drawing.send("GET", "/images")


def test_a_picture_of_the_conversation_is_edited_and_keeps_its_end(drawing, upstream):
    upstream.answer("Here it is.")
    tab = drawing.listen()
    tab.until_done(ask(drawing, features={"image_generation": True}))
    [file] = drawing.send("GET", "/api/v1/files/")["results"]
    upstream.answer("Changed.")
    messages = [
        {"role": "user", "content": "a red kite"},
        {"role": "assistant", "content": "Here it is.", "files": [{"type": "image", "url": file["url"]}]},
        {"role": "user", "content": "make it blue"},
    ]

    tab.until_done(ask(drawing, features={"image_generation": True}, messages=messages))

    made = File.objects.exclude(pk=file["id"]).get()
    assert made.provenance["inputs"] == [file["id"]]
    assert File.objects.filter(expires_at=None).count() == 0
    assert all("files" not in one for one in upstream.chats[-1].json["messages"])
    assert not ImageJob.objects.exists()
    assert not Message.objects.exists()


def test_pictures_that_the_model_sends_have_an_end_too(drawing, upstream):
    upstream.answer("Look:", images=[f"data:image/png;base64,{in_base64(png(8, 8))}"])
    tab = drawing.listen()
    tab.until_done(ask(drawing))
    assert File.objects.get().expires_at is not None


def test_a_job_that_nobody_waited_for_goes_with_the_collection(alice, engine_row):
    now = timezone.now()
    ago, soon = now - timedelta(minutes=1), now + timedelta(hours=1)
    for state, end in (("cancelled", ago), ("running", ago), ("failed", None), ("failed", soon)):
        ImageJob.objects.create(user=alice, engine=engine_row, prompt=state, state=state, expires_at=end, heartbeat=now)

    files.collect()

    assert sorted(ImageJob.objects.values_list("state", flat=True)) == ["failed", "failed", "running"]
