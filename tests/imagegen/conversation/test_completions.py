"""Pictures through `POST /api/chat/completions`: drawing, editing, failing and stopping as on the page."""

import base64
import io
import json
import uuid

import pytest
from PIL import Image

from chat.models import Chat, File
from imagegen import jobs
from imagegen.models import ImageJob, ImageSettings
from tests.chat.talk import Listener, Talker
from tests.upstream import Gate
from tests.upstream.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 20
ADDRESS = "/api/chat/completions"


@pytest.fixture
def easel(make_engine, upstream):
    ImageSettings.objects.update(prompt_generation=False)
    return make_engine(name="Easel", kind="automatic1111", url=upstream.origin, model="", secret="", steps=8)


@pytest.fixture
def program(site, api_key, connection, easel):
    return Talker(site, key=api_key)


@pytest.fixture
def tab(site, alice):
    return Listener(site.socket(alice))


def upload(program, content, name):
    answer = program.session.post(
        f"{program.site.url}/api/v1/files/", files={"file": (name, content)}, timeout=PATIENCE
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def wish(words="A red kite", **more):
    return {"model": "m1", "messages": [{"role": "user", "content": words}], **more}


def in_background(program, chat_id, features):
    ids = {"chat_id": chat_id, "id": str(uuid.uuid4()), "session_id": "s1"}
    started = program.send("POST", ADDRESS, wish(features={"image_generation": features}, **ids))
    assert started["status"] is True
    return started["task_id"]


def told(tab, message_id, kind):
    return [event["data"]["data"] for event in tab.of(message_id) if event["data"]["type"] == kind]


def test_in_the_background_progress_picture_and_comment_come_over_the_socket_and_are_kept(
    program, tab, upstream, alice
):
    early, late = Gate(), Gate()
    upstream.automatic1111.gates = {3: early, 7: late}
    upstream.answer("Here is your kite.")
    chat_id = str(Chat.objects.create(user=alice).pk)

    task = in_background(program, chat_id, True)
    for gate, share in ((early, 0.25), (late, 0.75)):
        tab.wait_for(lambda event, share=share: event["data"]["data"].get("progress") == share)
        gate.open()
    tab.until_done(task)

    message = program.message(chat_id, task)
    assert (message["content"], message["status"]) == ("Here is your kite.", "done")
    assert told(tab, task, "files") == [{"files": message["files"]}]
    [file] = message["files"]
    facts = file["provenance"]
    assert (facts["engine"], facts["model"], facts["seed"], facts["prompt"]) == ("Easel", "base", "1234", "A red kite")
    stored = File.objects.get(pk=file["id"])
    assert (str(stored.message_id), stored.session_id) == (task, "s1")
    picture = program.session.get(f"{program.site.url}{file['url']}", timeout=PATIENCE)
    assert picture.headers["Content-Type"] == "image/png"


def test_a_named_picture_is_edited_where_its_mask_is_transparent(program, tab, upstream, alice):
    source = upload(program, png(64, 48), "boat.png")
    mask = upload(program, png(64, 48, alpha=True), "mask.png")
    chat_id = str(Chat.objects.create(user=alice).pk)

    task = in_background(program, chat_id, {"mode": "edit", "image": source, "mask": mask, "engine": "Easel"})
    tab.until_done(task)

    [run] = upstream.automatic1111.runs
    white = Image.open(io.BytesIO(base64.b64decode(run.asked["mask"].rpartition(",")[2]))).convert("L")
    assert (run.kind, white.getpixel((2, 24)), white.getpixel((60, 24))) == ("img2img", 255, 0)
    assert program.message(chat_id, task)["files"][0]["provenance"]["inputs"] == [source]


def test_a_failing_engine_is_told_with_its_reason_and_the_model_answers(program, tab, upstream, alice):
    upstream.automatic1111.fail(("OutOfMemoryError", "CUDA out of memory."))
    upstream.answer("I am sorry.")
    chat_id = str(Chat.objects.create(user=alice).pk)

    task = in_background(program, chat_id, True)
    tab.until_done(task)

    last = told(tab, task, "status")[-1]
    assert (last["error"], last["done"]) == (True, True)
    assert "CUDA out of memory." in last["detail"]
    assert program.message(chat_id, task)["content"] == "I am sorry."


def test_stopping_the_task_interrupts_the_engine(program, tab, upstream, alice):
    gate = Gate()
    upstream.automatic1111.gates = {3: gate}
    chat_id = str(Chat.objects.create(user=alice).pk)

    task = in_background(program, chat_id, True)
    tab.wait_for(lambda event: event["data"]["data"].get("progress") == 0.25)
    program.send("POST", f"/api/tasks/stop/{task}")

    upstream.wait_for("/sdapi/v1/interrupt")
    gate.open()
    tab.until_done(task)
    assert program.message(chat_id, task)["status"] == "stopped"
    assert jobs.wait_for(ImageJob.objects.get(), timeout=PATIENCE).state == "cancelled"
    assert upstream.automatic1111.runs[0].state == "interrupted"


def test_a_stream_without_a_chat_edits_what_the_program_names(program, upstream):
    source = upload(program, png(64, 48), "boat.png")
    upstream.answer("In blue now.")
    features = {"image_generation": {"mode": "edit", "image": source}}

    answer = program.session.post(
        f"{program.site.url}{ADDRESS}", json=wish("Make it blue", features=features, stream=True), timeout=PATIENCE
    )

    frames = [line[6:] for line in answer.text.splitlines() if line.startswith("data: {")]
    said = "".join(json.loads(one)["choices"][0]["delta"].get("content") or "" for one in frames if '"choices"' in one)
    assert "In blue now." in said
    assert [run.kind for run in upstream.automatic1111.runs] == ["img2img"]
    assert ImageJob.objects.get().input_order == [source]
