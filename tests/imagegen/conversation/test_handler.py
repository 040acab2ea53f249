"""The image handler in a chat: permission, request, edits, progress, context; an error never ends the conversation."""

import json

import pytest

from chat import history
from chat.files import stores
from chat.models import File
from imagegen.models import ImageJob, ImageSettings
from tests.chat.talk import Talker
from tests.upstream import Gate, Reply
from tests.upstream.openai import error
from tests.upstream.openai.images import drawn, in_base64
from tests.upstream.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 20
RED, BLUE = png(8, 8), png(8, 8, shade=90)
DRAW = {"image_generation": True}
IMAGES = "/images/generations"


@pytest.fixture
def talker(site, alice, connection, engine_row):
    ImageSettings.objects.update(prompt_generation=False)
    return Talker(site, alice)


def reply(talker, content="a red kite", **more):
    tab = talker.listen()
    started = talker.start(content, **{"features": DRAW, **more})
    tab.until_done(started["message"]["id"])
    return tab, talker.message(started["chat"]["id"], started["message"]["id"]), started


def events_of(tab, message, kind):
    return [event["data"]["data"] for event in tab.of(message["id"]) if event["data"]["type"] == kind]


def answered(upstream):
    """The calls for answers; titles are written by calls of their own."""
    return [one for one in upstream.chats if "title" not in str(one.json["messages"][-1]["content"])]


def contexts(upstream):
    last = answered(upstream)[0].json["messages"][-1]
    _question, mark, context = history.text_of(last["content"]).partition("<context>")
    return mark + context


def test_a_request_becomes_a_picture_shown_with_the_answer_and_told_to_the_model(talker, upstream, alice):
    upstream.script(drawn(RED), path=IMAGES)
    upstream.answer("Here is your kite.")

    tab, message, started = reply(talker)

    assert message["content"] == "Here is your kite."
    statuses = events_of(tab, message, "status")
    assert statuses[0] == {"description": "Creating image", "done": False}
    assert statuses[-1]["description"] == "Image created"
    assert statuses[-1]["done"] is True
    [file] = message["files"]
    row = File.objects.get(pk=file["id"])
    assert stores.read(row.storage_name) == RED
    assert (row.owner, str(row.chat_id), str(row.message_id)) == (alice, started["chat"]["id"], message["id"])
    assert events_of(tab, message, "files") == [{"files": [file]}]
    assert "a red kite" in contexts(upstream)
    assert contexts(upstream).startswith("<context>")


def test_without_the_feature_nothing_is_drawn(talker, upstream):
    reply(talker, features={})
    assert upstream.asked(IMAGES) == []


@pytest.mark.parametrize("change", [{"enabled": False}, {"groups": True}])
def test_the_gate_holds_in_the_chat_too(talker, upstream, change, alice):
    if change.pop("groups", None):
        from django.contrib.auth.models import Group

        ImageSettings.load().groups.add(Group.objects.create(name="painters"))
    else:
        ImageSettings.objects.update(**change)
    upstream.answer("Words alone.")
    _tab, message, _started = reply(talker)
    assert message["content"] == "Words alone."
    assert message["files"] == []
    assert upstream.asked(IMAGES) == []


def test_a_failing_engine_shows_its_reason_and_the_model_still_answers_knowing_it(talker, upstream):
    upstream.always(error(400, "The painter refuses.", code="moderation_blocked"), path=IMAGES)
    upstream.answer("I am sorry.")

    tab, message, _started = reply(talker)

    last = events_of(tab, message, "status")[-1]
    assert last["description"] == "An error occurred while generating an image"
    assert last["error"] is True
    assert "The painter refuses." in last["detail"]
    assert message["content"] == "I am sorry."
    assert message["status"] == "done"
    assert "The painter refuses." in contexts(upstream)


def test_the_picture_of_the_answer_before_is_edited_and_create_mode_draws_anew(talker, upstream):
    upstream.script(drawn(RED), path=IMAGES)
    _tab, _message, started = reply(talker)
    chat_id = started["chat"]["id"]
    upstream.script(drawn(BLUE), path="/images/edits")

    edited = talker.say(chat_id, "make it blue", features=DRAW, model="m1")["message"]
    assert talker.until_over(chat_id, edited["id"])["files"]
    assert len(upstream.asked("/images/edits")) == 1

    upstream.always(drawn(RED), path=IMAGES)
    request = {"image_generation": {"mode": "create"}}
    anew = talker.say(chat_id, "a boat", features=request, model="m1")["message"]
    assert talker.until_over(chat_id, anew["id"])["files"]
    assert len(upstream.asked("/images/edits")) == 1
    assert len(upstream.asked(IMAGES)) == 2


def test_a_picture_and_a_mask_can_be_named(talker, upstream, alice):
    from imagegen import inputs

    source = inputs.file_from_bytes(alice, RED, name="kite.png")
    mask = inputs.file_from_bytes(alice, png(8, 8, alpha=True), name="mask.png")
    upstream.script(drawn(BLUE), path="/images/edits")
    request = {"image_generation": {"mode": "edit", "image": str(source.pk), "mask": str(mask.pk)}}

    _tab, message, _started = reply(talker, features=request)

    assert message["files"]
    assert {part.name for part in upstream.asked("/images/edits")[0].parts} >= {"mask", "prompt"}


def test_edit_mode_without_a_picture_says_so_and_the_model_answers(talker, upstream):
    tab, message, _started = reply(talker, features={"image_generation": {"mode": "edit"}})
    assert events_of(tab, message, "status")[-1]["error"] is True
    assert message["status"] == "done"


def test_stopping_the_reply_cancels_the_picture_at_the_engine(talker, upstream):
    gate = Gate()
    upstream.script(Reply(before=[gate]), path=IMAGES)
    started = talker.start("a red kite", features=DRAW)
    received = upstream.wait_for(IMAGES)
    chat_id, message_id = started["chat"]["id"], started["message"]["id"]

    talker.send("POST", f"/api/v1/chats/{chat_id}/messages/{message_id}/stop", status=202)

    assert received.closed.wait(PATIENCE)
    assert talker.until_over(chat_id, message_id)["status"] == "stopped"
    assert upstream.chats == []
    job = ImageJob.objects.get()
    from imagegen import jobs

    assert jobs.wait_for(job, timeout=PATIENCE).state == "cancelled"
    gate.open()


def test_the_task_model_improves_the_prompt_and_both_are_kept_with_the_picture(talker, upstream):
    ImageSettings.objects.update(prompt_generation=True)
    thought = '<think>maybe {"prompt": "no"}</think> {"prompt": "A scarlet kite at dawn"}'
    upstream.answer(thought)
    upstream.answer("Here it is.")
    upstream.script(drawn(RED), path=IMAGES)

    _tab, message, _started = reply(talker)

    assert upstream.asked(IMAGES)[0].json["prompt"] == "A scarlet kite at dawn"
    provenance = message["files"][0]["provenance"]
    assert provenance["prompt"] == "A scarlet kite at dawn"
    assert provenance["original_prompt"] == "a red kite"
    assert upstream.chats[0].json["response_format"] == {"type": "json_object"}


def test_a_task_model_that_fails_leaves_the_persons_own_words(talker, upstream):
    ImageSettings.objects.update(prompt_generation=True)
    upstream.script(error(500, "no"), path="/chat/completions")
    upstream.script(drawn(RED), path=IMAGES)
    reply(talker)
    assert upstream.asked(IMAGES)[0].json["prompt"] == "a red kite"


def test_picture_only_ends_the_turn_without_the_model(talker, upstream):
    ImageSettings.objects.update(after_picture="picture")
    upstream.script(drawn(RED), path=IMAGES)
    _tab, message, _started = reply(talker)
    assert message["files"]
    assert message["status"] == "done"
    assert answered(upstream) == []


def test_pictures_that_the_chat_model_sends_are_stored_and_shown(talker, upstream):
    upstream.answer("Look:", images=[f"data:image/png;base64,{in_base64(RED)}"])
    _tab, message, _started = reply(talker, features={})
    [file] = message["files"]
    assert stores.read(File.objects.get(pk=file["id"]).storage_name) == RED


def test_a_picture_in_the_models_text_becomes_a_file_where_it_stands(talker, upstream):
    large = png(64, 64, shade=3) + b"\0" * 2000
    dot = "![dot](data:image/gif;base64,R0lGODlhAQABAAAAACw=)"
    text = f"Look: ![a sea](data:image/png;base64,{in_base64(large)}) and {dot}"
    upstream.answer([text[:30], text[30:500], text[500:]])

    tab, message, _started = reply(talker, features={})

    row = File.objects.get()
    assert stores.read(row.storage_name) == large
    assert message["content"] == f"Look: ![a sea]({row.url}) and {dot}"
    assert tab.text_of(message["id"]) == message["content"]
    assert str(row.message_id) == message["id"]
    assert message["files"] == []


def test_what_is_no_picture_is_left_out_and_said(talker, upstream):
    upstream.answer(f"Look: ![a sea](data:image/png;base64,{'QUJD' * 500})!")

    tab, message, _started = reply(talker, features={})

    assert message["content"] == "Look: !"
    assert events_of(tab, message, "status")[-1]["error"] is True
    assert not File.objects.exists()


def test_a_program_draws_through_chat_completions_and_streams_on(site, api_key, connection, engine_row, upstream):
    ImageSettings.objects.update(prompt_generation=False)
    upstream.script(drawn(RED), path=IMAGES)
    upstream.answer("Here it is.")
    session = site.session(key=api_key)
    body = {"model": "m1", "messages": [{"role": "user", "content": "a boat"}], "features": DRAW, "stream": True}
    answer = session.post(f"{site.url}/api/chat/completions", json=body, timeout=PATIENCE)
    assert answer.status_code == 200
    assert "Here" in answer.text
    assert ImageJob.objects.get().state == "succeeded"
    assert "features" not in json.dumps(upstream.chats[-1].json)


def test_a_message_of_somebody_else_gets_no_pictures_of_mine(site, api_key, bob, connection, engine_row, upstream):
    from chat.models import Chat, Message

    foreign = Message.objects.create(chat=Chat.objects.create(user=bob), role="assistant")
    ImageSettings.objects.update(prompt_generation=False)
    upstream.script(drawn(RED), path=IMAGES)
    body = {"model": "m1", "messages": [{"role": "user", "content": "a boat"}], "features": DRAW, "id": str(foreign.pk)}

    site.session(key=api_key).post(f"{site.url}/api/chat/completions", json=body, timeout=PATIENCE)

    assert File.objects.get().message is None
    assert ImageJob.objects.get().message is None


def test_what_is_drawn_are_the_persons_words_and_the_model_still_reads_the_document(talker, upstream):
    note = ("note.txt", b"The kite belongs to Bob.")
    row = talker.session.post(f"{talker.site.url}/api/v1/files/", files={"file": note}, timeout=PATIENCE).json()
    upstream.script(drawn(RED), path=IMAGES)

    reply(talker, files=[{"id": row["id"]}])

    assert upstream.asked(IMAGES)[-1].json["prompt"] == "a red kite"
    asked = answered(upstream)[0].json["messages"][-1]["content"]
    assert asked.partition("\n\n<context>")[0] == (
        '<file name="note.txt">\nThe kite belongs to Bob.\n</file>\n\na red kite'
    )


def test_pictures_that_nobody_named_are_as_many_as_the_engine_takes_the_newest_first(talker, upstream, engine_row):
    upstream.always(drawn(BLUE), path=IMAGES)
    upstream.always(drawn(BLUE), path="/images/edits")
    _tab, _message, started = reply(talker)
    chat_id = started["chat"]["id"]
    create, edit = ({"image_generation": {"mode": mode}} for mode in ("create", "edit"))
    newest = talker.say(chat_id, "a boat", features=create, model="m1")["message"]
    [shown] = talker.until_over(chat_id, newest["id"])["files"]
    engine_row.capabilities = {"max_inputs": 1}
    engine_row.save()

    edited = talker.say(chat_id, "make it blue", features=edit, model="m1")["message"]

    [made] = talker.until_over(chat_id, edited["id"])["files"]
    assert made["provenance"]["inputs"] == [shown["id"]]


def test_without_an_engine_that_edits_auto_draws_anew(talker, upstream, engine_row):
    engine_row.purpose = "generate"
    engine_row.save()
    upstream.always(drawn(RED), path=IMAGES)
    _tab, _message, started = reply(talker)
    chat_id = started["chat"]["id"]
    anew = talker.say(chat_id, "a boat", features=DRAW, model="m1")["message"]
    assert talker.until_over(chat_id, anew["id"])["files"]
    assert len(upstream.asked(IMAGES)) == 2


def test_an_engine_chosen_for_new_pictures_leaves_edits_to_the_usual_one(talker, upstream, alice, make_engine):
    from imagegen import inputs

    source = inputs.file_from_bytes(alice, RED, name="kite.png")
    only_new = make_engine(name="Only new", purpose="generate", url=upstream.url)
    upstream.script(drawn(BLUE), path="/images/edits")
    request = {"image_generation": {"mode": "edit", "image": str(source.pk), "engine": str(only_new.pk)}}
    _tab, message, _started = reply(talker, features=request)
    assert message["files"][0]["provenance"]["engine"] == "Studio"


def test_the_chip_offers_the_mode_where_pictures_can_be_edited_and_the_engine_where_there_are_several(
    alice, bob, engine_row, make_engine
):
    from django.utils.translation import override

    from imagegen.conversation.handler import ImageHandler
    from providers.callers import caller_for_user

    def offered(user):
        toggle = ImageHandler().toggle_for(caller_for_user(user))
        return toggle and {option.name: [str(one.label) for one in option.choices] for option in toggle.options}

    further = {
        "shape": ["Automatic", "Square", "Landscape", "Portrait", "Wide", "Tall"],
        "n": ["1", "2", "3", "4"],
    }
    modes = {"mode": ["Auto", "New picture", "Edit"], **further}
    with override("en"):
        assert offered(alice) == modes
        make_engine(name="Easel", access="private")
        assert offered(alice) == modes
        make_engine(name="Second")
        assert offered(alice) == modes | {"engine": ["Automatic", "Studio", "Second"]}
        ImageSettings.objects.update(edit_enabled=False)
        assert offered(alice) == further | {"engine": ["Automatic", "Studio", "Second"]}
        ImageSettings.objects.update(enabled=False)
        assert offered(bob) is None


def test_a_file_of_the_request_is_edited_once(site, alice, api_key, connection, engine_row, upstream):
    from imagegen import inputs

    ImageSettings.objects.update(prompt_generation=False)
    source = inputs.file_from_bytes(alice, RED, name="kite.png")
    upstream.script(drawn(BLUE), path="/images/edits")
    message = {"role": "user", "content": "make it blue"}
    body = {"model": "m1", "messages": [message], "features": DRAW, "files": [{"id": str(source.pk)}]}

    site.session(key=api_key).post(f"{site.url}/api/chat/completions", json=body, timeout=PATIENCE)

    assert [part.data for part in upstream.asked("/images/edits")[0].files] == [RED]
