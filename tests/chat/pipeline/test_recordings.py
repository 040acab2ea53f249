"""Attached recordings: what is said in them reaches the model as text."""

import pytest

from chat.files import sniff
from providers import versioning
from tests import people
from tests.chat.talk import Talker
from tests.upstream.openai.protocol import error

MP3 = b"ID3\x04" + bytes(400)


def upload(talker, content, name):
    answer = talker.session.post(f"{talker.site.url}/api/v1/files/", files={"file": (name, content)}, timeout=20)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.django_db(transaction=True)
def test_a_recording_is_written_down_once_and_without_a_model_says_why(site, alice, upstream):
    people.set_chat()
    people.make_connection(upstream.url, "m1")
    talker = Talker(site, alice)
    talk = upload(talker, MP3, "talk.mp3")

    def ask(**more):
        upstream.answer("I see.")
        started = talker.start("What do they say?", **more)
        message = talker.until_over(started["chat"]["id"], started["message"]["id"])
        asked = [one.json["messages"] for one in upstream.chats if one.json.get("stream")][-1]
        return message, asked[-1]["content"]

    message, content = ask(files=[{"id": talk["id"]}])
    assert "No model wrote down this recording" in content
    [step] = message["status_history"]
    assert step["notice"]
    assert "no model here writes down speech. An administrator can connect one" in step["description"]

    people.make_connection(upstream.url, "whisper-1", name="Ears")
    versioning.bump()
    upstream.script(error(400, "Audio file might be corrupted"), path="/audio/transcriptions")
    message, content = ask(files=[{"id": talk["id"]}])
    assert "No model wrote down" in content
    assert "Audio file might be corrupted" in message["status_history"][-1]["description"]

    message, content = ask(files=[{"id": talk["id"]}])
    assert f'<file name="talk.mp3">\nrecording.mp3 has {len(MP3)} bytes.\n</file>' in content
    assert [step["description"] for step in message["status_history"]][-1] == "Wrote down what “talk.mp3” says"

    before = len(upstream.asked("/audio/transcriptions"))
    message, content = ask(files=[{"id": talk["id"]}])
    assert f"recording.mp3 has {len(MP3)} bytes." in content
    assert (message["status_history"], len(upstream.asked("/audio/transcriptions"))) == ([], before)


def test_a_recording_of_a_browser_is_told_from_a_film():
    head = b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm"
    assert sniff(head + b"\x86\x86A_OPUS") == "audio/webm"
    assert sniff(head + b"\x86\x85V_VP9\x86\x86A_OPUS") == "video/webm"
