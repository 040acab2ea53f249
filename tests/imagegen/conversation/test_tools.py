"""The tools `generate_image` and `edit_image`, for models that call functions, without the toggle."""

import pytest

from chat.files import stores
from chat.models import ChatSettings, File
from imagegen import inputs, jobs
from imagegen.models import ImageJob, ImageSettings
from providers.models import ChatModel
from tests.chat.talk import Talker
from tests.chat.temporary.test_temporary import ask
from tests.upstream import Gate, Reply
from tests.upstream.openai import error
from tests.upstream.openai.images import drawn, in_base64
from tests.upstream.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 20
RED, BLUE = png(8, 8), png(8, 8, shade=90)
IMAGES, EDITS = "/images/generations", "/images/edits"


@pytest.fixture
def talker(site, alice, connection, engine_row):
    ImageSettings.objects.update(prompt_generation=False)
    ChatSettings.objects.update_or_create(pk=1, defaults={"titles": False, "follow_ups": False})
    ChatModel.objects.update(tools=True)
    return Talker(site, alice)


def call(name="generate_image", **arguments):
    return {"name": name, "arguments": {"prompt": "a red kite", **arguments}}


def reply(talker, content="Draw me a kite, please", chat_id=None, **more):
    if chat_id is None:
        started = talker.start(content, **more)
    else:
        started = {**talker.say(chat_id, content, model="m1", **more), "chat": {"id": chat_id}}
    chat_id, message_id = started["chat"]["id"], started["message"]["id"]
    return chat_id, talker.until_over(chat_id, message_id)


def bodies(upstream):
    return [one.json for one in upstream.chats if one.json.get("stream")]


def offered(body):
    return [one["function"]["name"] for one in body.get("tools", ())]


def results(upstream):
    return [one["content"] for one in bodies(upstream)[-1]["messages"] if one["role"] == "tool"]


def test_a_model_draws_when_asked_and_knows_that_the_picture_is_shown(talker, upstream, alice):
    upstream.script(drawn(RED), path=IMAGES)
    upstream.answer(None, tool_calls=[call(size="1024x1024", negative_prompt=None)])
    upstream.answer("Here is your kite.")

    chat_id, message = reply(talker)

    assert offered(bodies(upstream)[0]) == ["generate_image", "edit_image"]
    asked = upstream.asked(IMAGES)[0].json
    assert (asked["prompt"], asked["size"]) == ("a red kite", "1024x1024")
    [file] = message["files"]
    row = File.objects.get(pk=file["id"])
    assert stores.read(row.storage_name) == RED
    assert (row.owner, str(row.chat_id), str(row.message_id)) == (alice, chat_id, message["id"])
    assert (row.provenance["prompt"], row.provenance["original_prompt"]) == ("a red kite", "Draw me a kite, please")
    assert file["id"] in results(upstream)[0]
    assert "sees it already" in results(upstream)[0]
    lines = [(one["description"], one["done"]) for one in message["status_history"]]
    assert (lines[0], lines[-1]) == (("Creating image", True), ("Image created", True))
    assert message["content"] == "Here is your kite."


def test_the_newest_picture_is_edited_unless_another_is_named(talker, upstream, alice):
    shown = inputs.file_from_bytes(alice, BLUE, name="sea.png")
    upstream.script(drawn(RED), drawn(png(8, 8, shade=20)), path=IMAGES)
    upstream.answer(None, tool_calls=[call(n=1)])
    upstream.answer("Drawn.")
    chat_id, first = reply(talker, files=[{"id": str(shown.pk)}])
    upstream.always(drawn(BLUE), path=EDITS)
    named = [{}, {"image": 1}, {"image": "-1"}, {"image": first["files"][0]["url"]}, {"image": str(shown.pk)}]
    for arguments in named:
        upstream.answer(None, tool_calls=[call("edit_image", **arguments)])
        upstream.answer("Changed.")
        reply(talker, "make it blue", chat_id)

    inputs_of = [job.input_order for job in ImageJob.objects.exclude(input_order=[]).order_by("created")]
    drawn_one, given = first["files"][0]["id"], str(shown.pk)
    assert inputs_of[0] == [drawn_one]
    assert inputs_of[1] == [given]
    assert inputs_of[2] not in ([drawn_one], [given])  # the one that was made just before
    assert inputs_of[3:] == [[drawn_one], [given]]


def test_a_picture_drawn_in_the_same_answer_can_be_edited(talker, upstream):
    upstream.script(drawn(RED), path=IMAGES)
    upstream.script(drawn(BLUE), path=EDITS)
    upstream.answer(None, tool_calls=[call(), call("edit_image", prompt="make it blue")])
    upstream.answer("Both.")

    _chat_id, message = reply(talker)

    assert [stores.read(File.objects.get(pk=one["id"]).storage_name) for one in message["files"]] == [BLUE, RED]
    assert ImageJob.objects.exclude(input_order=[]).get().input_order == [message["files"][1]["id"]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "no picture in this conversation"),
        ({"image": 3}, "no picture in this conversation"),
        ({"image": "nonsense"}, "no such picture"),
        ({"image": "00000000-0000-4000-8000-000000000000"}, "no such picture"),
    ],
)
def test_a_picture_that_is_not_there_is_said(talker, upstream, arguments, words):
    upstream.answer(None, tool_calls=[call("edit_image", **arguments)])
    upstream.answer("Which one?")

    _chat_id, message = reply(talker)

    assert words in results(upstream)[0]
    assert message["status_history"][-1]["error"] is True
    assert (message["status"], message["content"]) == ("done", "Which one?")


def test_an_address_that_the_model_made_up_is_not_opened(talker, upstream):
    """Words that it read somewhere could make it carry the conversation out in an address."""
    upstream.answer(None, tool_calls=[call("edit_image", image=f"{upstream.url}/a.png?said=kite")])
    upstream.answer("Which one?")

    reply(talker)

    assert "no such picture" in results(upstream)[0]
    assert upstream.asked("/a.png") == []


def test_an_address_that_the_person_wrote_is_opened(talker, upstream):
    address = f"{upstream.url}/a.png"
    upstream.answer(None, tool_calls=[call("edit_image", image=address)])
    upstream.answer("Which one?")

    reply(talker, f"Make {address} blue, please")

    assert "could not be fetched" in results(upstream)[0]  # the door refuses addresses of this machine


def test_the_pictures_of_others_stay_theirs(talker, upstream, bob):
    foreign = inputs.file_from_bytes(bob, BLUE, name="sea.png")
    upstream.answer(None, tool_calls=[call("edit_image", image=str(foreign.pk))])
    upstream.answer("Which one?")

    _chat_id, message = reply(talker)

    assert message["files"] == []
    assert upstream.asked(EDITS) == []


def test_the_engines_reason_reaches_person_and_model(talker, upstream):
    upstream.always(error(400, "The painter refuses.", code="moderation_blocked"), path=IMAGES)
    upstream.answer(None, tool_calls=[call()])
    upstream.answer("I am sorry.")

    _chat_id, message = reply(talker)

    assert "The painter refuses." in results(upstream)[0]
    last = message["status_history"][-1]
    assert last["description"] == "An error occurred while generating an image"
    assert last["error"] is True
    assert "The painter refuses." in last["detail"]
    assert (message["status"], message["content"]) == ("done", "I am sorry.")


def test_what_the_engine_cannot_express_is_told_to_the_model(talker, upstream):
    upstream.answer(
        None, tool_calls=[call(n=99), call(size="huge"), {"name": "generate_image", "arguments": {"prompt": " "}}]
    )
    upstream.answer("Hm.")

    reply(talker)

    assert len(results(upstream)) == 3
    assert all(text.startswith("That failed. The reason was: ") for text in results(upstream))
    assert upstream.asked(IMAGES) == []


def test_stopping_the_reply_cancels_the_picture_at_the_engine(talker, upstream):
    gate = Gate()
    upstream.script(Reply(before=[gate]), path=IMAGES)
    upstream.answer("One moment.", tool_calls=[call()])
    started = talker.start("Draw me a kite")
    received = upstream.wait_for(IMAGES)
    chat_id, message_id = started["chat"]["id"], started["message"]["id"]

    talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{message_id}/stop", status=202)

    assert received.closed.wait(PATIENCE)
    assert talker.until_over(chat_id, message_id)["status"] == "stopped"
    assert jobs.wait_for(ImageJob.objects.get(), timeout=PATIENCE).state == "cancelled"
    assert len(upstream.chats) == 1
    gate.open()


def test_with_the_toggle_on_the_picture_is_drawn_once(talker, upstream):
    upstream.script(drawn(RED), path=IMAGES)
    upstream.answer("Here it is.")

    _chat_id, message = reply(talker, features={"image_generation": True})

    assert len(message["files"]) == 1
    assert offered(bodies(upstream)[0]) == []


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"enabled": False}, []),
        ({"edit_enabled": False}, ["generate_image"]),
        ({"groups": True}, []),
        ({"engines": False}, []),
    ],
)
def test_the_gate_decides_what_is_offered(talker, upstream, engine_row, change, names):
    if change.pop("groups", None):
        from django.contrib.auth.models import Group

        ImageSettings.load().groups.add(Group.objects.create(name="painters"))
    elif "engines" in change:
        type(engine_row).objects.update(enabled=False)
    else:
        ImageSettings.objects.update(**change)
    upstream.answer("Words alone.")

    _chat_id, message = reply(talker)

    assert offered(bodies(upstream)[0]) == names
    assert message["content"] == "Words alone."


def test_a_change_of_the_gate_is_seen_by_the_next_answer(talker, upstream, engine_row):
    from django.contrib.auth.models import Group

    painters = Group.objects.create(name="painters")
    image_settings = ImageSettings.load()
    seen = []
    for change in (
        lambda: None,
        lambda: ImageSettings(**{**vars_of(image_settings), "edit_enabled": False}).save(),
        lambda: image_settings.groups.add(painters),
        lambda: talker.user.groups.add(painters),
        lambda: type(engine_row).objects.get().delete(),
    ):
        change()
        upstream.answer("Words alone.")
        reply(talker)
        seen.append(offered(bodies(upstream)[-1]))

    assert seen == [["generate_image", "edit_image"], ["generate_image"], [], ["generate_image"], []]


def vars_of(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_a_temporary_chat_edits_what_its_messages_show_and_keeps_nothing(talker, upstream, alice):
    shown = inputs.file_from_bytes(alice, BLUE, name="sea.png")
    upstream.script(drawn(RED), path=EDITS)
    upstream.answer(None, tool_calls=[call("edit_image", prompt="make it red")])
    upstream.answer("Changed.")
    question = {"role": "user", "content": "make it red", "files": [{"type": "image", "url": shown.url}]}
    tab = talker.listen()

    tab.until_done(ask(talker, messages=[question]))

    made = File.objects.exclude(pk=shown.pk).get()  # and what was shown is not kept twice
    assert made.provenance["inputs"] == [str(shown.pk)]
    assert made.expires_at is not None
    assert not ImageJob.objects.exists()


def test_a_program_shows_its_picture_in_the_message(site, api_key, talker, upstream):
    url = f"data:image/png;base64,{in_base64(BLUE)}"
    upstream.script(drawn(RED), path=EDITS)
    upstream.answer(None, tool_calls=[call("edit_image", image=1)])
    upstream.answer("Changed.")
    parts = [{"type": "text", "text": "make it red"}, {"type": "image_url", "image_url": {"url": url}}]
    body = {"model": "m1", "messages": [{"role": "user", "content": parts}]}

    answer = site.session(key=api_key).post(f"{site.url}/api/chat/completions", json=body, timeout=PATIENCE)

    assert answer.json()["choices"][0]["message"]["content"] == "Changed."
    [part] = upstream.asked(EDITS)[0].files
    assert part.data == BLUE
