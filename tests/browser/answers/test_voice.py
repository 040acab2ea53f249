"""Speaking instead of typing, with a microphone that plays a file: dictation, and talking hands-free."""

import math
import struct
import tempfile
import wave
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests import people
from tests.browser.test_access import violations
from tests.browser.test_speak import wav
from tests.fixtures.chat_page import ChatPage
from tests.upstream import Gate, in_bytes, in_json

RATE = 16_000
SPOKEN = Path(tempfile.gettempdir()) / "spoken-words.wav"
BROWSER_ARGUMENTS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    f"--use-file-for-fake-audio-capture={SPOKEN}",
    "--autoplay-policy=no-user-gesture-required",
)
SPEECH, TRANSCRIPTS = "/audio/speech", "/audio/transcriptions"
KEPT = """() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (what) => (window.microphone = await ask(what));
}"""
UNPLUGGED = "microphone.getTracks().forEach((track) => track.stop())"
HEARS_NOTHING = """() => {
  document.body.dataset.listening = "browser";
  window.SpeechRecognition = class {
    start() { setTimeout(() => this.onend()); }
    stop() {}
  };
}"""
REFUSED = """(reason) => {
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", reason));
}"""


def sample(position):
    """Something like a voice: harmonics that come and go like syllables, for two seconds of five."""
    second = position / RATE
    if second % 5 > 2:
        return 0
    pitch = 140 + 20 * math.sin(2 * math.pi * 1.3 * second)
    tone = sum(math.sin(2 * math.pi * pitch * harmonic * second) / harmonic for harmonic in range(1, 12))
    return int(9000 * tone * (0.6 + 0.4 * math.sin(2 * math.pi * 4 * second)))


@pytest.fixture(scope="module", autouse=True)
def spoken():
    with wave.open(str(SPOKEN), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        limited = (max(-32000, min(32000, sample(position))) for position in range(5 * RATE))
        file.writeframes(b"".join(struct.pack("<h", value) for value in limited))
    yield
    SPOKEN.unlink()


@pytest.fixture
def page(open_page, provider, upstream, alice):
    people.make_connection(upstream.url, "m1", "tts-1", "whisper-1", name="Voices", position=2)
    return open_page(alice)


def test_what_is_said_lands_in_the_field(page, upstream, problems):
    problems.expect("status of 400")
    upstream.always(in_json({"text": "the weather in Oslo"}), path=TRANSCRIPTS)
    chat = ChatPage(page).open()
    chat.field.fill("Tell me")
    page.get_by_role("button", name="Dictate").click()
    dictation = page.get_by_role("group", name="Dictation")
    expect(dictation).to_contain_text("Listening …")
    expect(dictation.locator("time")).to_have_text("0:03")
    assert violations(page) == []
    dictation.get_by_role("button", name="Done").click()
    expect(chat.field).to_have_value("Tell me the weather in Oslo")
    asked = upstream.asked(TRANSCRIPTS)[0]
    assert asked.fields["model"] == "whisper-1"
    assert asked.files[0].filename == "speech.webm"
    assert len(asked.files[0].data) > 1000
    page.keyboard.press("Control+z")
    expect(chat.field).to_have_value("Tell me")

    # By keyboard, and given up.
    page.get_by_role("button", name="Dictate").press("Enter")
    expect(dictation.get_by_role("button", name="Done")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dictation).to_have_count(0)
    assert len(upstream.asked(TRANSCRIPTS)) == 1

    # The provider refuses; nothing is lost.
    upstream.always(in_json({"error": {"message": "The sound is empty."}}, 400), path=TRANSCRIPTS)
    page.get_by_role("button", name="Dictate").click()
    expect(dictation.locator("time")).to_have_text("0:02")
    dictation.get_by_role("button", name="Done").click()
    expect(page.locator(".toast")).to_contain_text("The sound is empty.")
    expect(chat.field).to_have_value("Tell me")

    # The microphone goes away: what was heard until then is written down.
    upstream.always(in_json({"text": "a story"}), path=TRANSCRIPTS)
    page.evaluate(KEPT)
    page.get_by_role("button", name="Dictate").click()
    expect(dictation.locator("time")).to_have_text("0:02")
    page.evaluate(UNPLUGGED)
    expect(chat.field).to_have_value("Tell me a story")
    expect(dictation).to_have_count(0)

    for reason, words in (
        ("NotAllowedError", "The microphone is not allowed here."),
        ("NotFoundError", "No microphone was found."),
    ):
        page.evaluate(REFUSED, reason)
        page.get_by_role("button", name="Dictate").click()
        expect(page.locator(".toast").filter(has_text=words)).to_be_visible()

    page.evaluate(HEARS_NOTHING)
    page.get_by_role("button", name="Dictate").click()
    expect(page.locator(".toast").filter(has_text="Nothing was heard.")).to_be_visible()
    expect(dictation).to_have_count(0)


def test_hands_free_it_listens_sends_reads_aloud_and_is_interrupted(page, provider, upstream):
    said = iter(["Tell me a tale", "Stop that", *["" for _ in range(100)]])
    upstream.always(lambda received: in_json({"text": next(said)}), path=TRANSCRIPTS)
    upstream.always(in_bytes(wav(600), "audio/mpeg"), path=SPEECH)  # it would go on for ten minutes
    gate = Gate()
    first = "There was once a fisherman who lived in a small house by the sea with his wife and two cats. "
    provider.says("Tell me a tale", [first, "He went out each day. ", "The end."], after={2: gate})
    provider.says("Stop that", "I stopped.")
    chat = ChatPage(page).open()

    page.get_by_role("button", name="Talk hands-free").click()
    talk = page.get_by_role("dialog")
    expect(talk.get_by_role("status")).to_have_text("Speaking")
    assert upstream.asked(SPEECH)[0].json["input"] in first  # while the answer still comes
    expect(talk).to_contain_text("There was once a fisherman")
    assert violations(page) == []
    # The microphone's file begins anew: that interrupts, and stops the answer.
    expect(chat.questions).to_have_count(2)
    expect(chat.questions.last.locator(".bubble")).to_have_text("Stop that")
    gate.open()
    expect(talk).to_contain_text("I stopped.")
    page.keyboard.press("Space")
    expect(talk.get_by_role("status")).not_to_have_text("Speaking")
    talk.get_by_role("button", name="Pause").click()
    expect(talk.get_by_role("status")).to_have_text("Paused")
    page.keyboard.press("Escape")
    expect(talk).to_have_count(0)
    expect(chat.field).to_be_focused()
    expect(chat.answers.first.locator(".ending")).to_contain_text("Stopped.")
