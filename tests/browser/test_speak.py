"""Reading aloud in the browser: the provider's speech part by part, one answer at a time, else the browser's voice."""

import struct

import pytest
from playwright.sync_api import expect

from chat.models import Chat, Message
from tests import people
from tests.fixtures.chat_page import ChatPage
from tests.upstream import in_bytes, in_html
from tests.upstream.openai import error

SPEECH = "/audio/speech"
ANSWER = """## The sky

It is **blue**,[^1] says [a page](https://example.com/x); see https://example.com/long/address?x=1 too. So is $x^2$ the
sea.

```python
print("not this")
```

| Sea | Colour |
|-----|--------|
| North | grey |

- One thing
- 天空是蓝色的。大海也是。

[^1]: A note at the end.
"""
# What sounds and what has been heard, without a loudspeaker; and a voice, which this browser has not.
WATCH = """
window.played = [];
window.ended = 0;
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  window.played.push(this.src);
  this.addEventListener("ended", () => (window.ended += 1), { once: true });
  return play.call(this);
};
window.said = [];
Object.defineProperty(window, "speechSynthesis", { value: {
  cancel() { clearTimeout(this.timer); },
  speak(words) {
    window.said.push([words.lang, words.text]);
    this.timer = setTimeout(() => window.silent || words.onend(new Event("end")), 0);
  },
}});
"""


def wav(seconds):
    """Silence that a browser can play."""
    data = bytes(int(8000 * seconds))
    form = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    return b"RIFF" + struct.pack("<I", len(form) + 8 + len(data)) + form + b"data" + struct.pack("<I", len(data)) + data


@pytest.fixture
def talk(alice):
    """A chat with these answers."""

    def make(*answers):
        chat = Chat.objects.create(user=alice, title="Read to me")
        for content in answers:
            question = Message.objects.create(chat=chat, parent=chat.leaf, role="user", content="Say something")
            chat.leaf = Message.objects.create(
                chat=chat, parent=question, role="assistant", content=content, model="m1"
            )
        chat.save()
        return f"/c/{chat.pk}"

    return make


@pytest.fixture
def page(open_page, alice):
    page = open_page(alice)
    page.add_init_script(WATCH)
    return page


def said(upstream):
    return [received.json["input"] for received in upstream.asked(SPEECH)]


def button(chat, index, name="Read aloud"):
    return chat.answers.nth(index).get_by_role("button", name=name, exact=True)


def test_an_answer_is_read_part_by_part_and_one_at_a_time(page, talk, upstream, problems):
    people.make_connection(upstream.url, "m1", "tts-1")
    upstream.always(in_bytes(wav(0.2), "audio/mpeg"), path=SPEECH)
    chat = ChatPage(page).open(talk(ANSWER, "Good morning."))

    chat.press(chat.answers.first, "Read aloud")
    page.wait_for_function("() => window.ended === 2")

    expect(button(chat, 0)).to_have_attribute("aria-pressed", "false")
    assert said(upstream) == [
        "The sky. It is blue, says a page; see example.com too. So is the sea.",
        "Sea, Colour. North, grey. One thing. 天空是蓝色的。大海也是。",
    ]
    asked = upstream.asked(SPEECH)[0].json
    assert (asked["model"], asked["voice"]) == ("tts-1", "alloy")

    # A long sound: the second answer stops the first, the button stops the second, and so does leaving.
    upstream.always(in_bytes(wav(600), "audio/mpeg"), path=SPEECH)
    chat.press(chat.answers.last, "Read aloud")
    expect(button(chat, 1, "Stop reading")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("() => window.played.length === 3")
    chat.press(chat.answers.first, "Read aloud")
    expect(button(chat, 1)).to_have_attribute("aria-pressed", "false")
    expect(button(chat, 0, "Stop reading")).to_be_visible()
    page.wait_for_function("() => window.played.length === 4")
    chat.press(chat.answers.first, "Stop reading")
    expect(button(chat, 0)).to_have_attribute("aria-pressed", "false")

    # A voice that is lost on the way: the provider says why.
    problems.expect("status of 400")
    upstream.always(error(400, "The voice is hoarse."), path=SPEECH)
    page.evaluate("document.body.dataset.voice = 'nova'")
    chat.press(chat.answers.last, "Read aloud")
    expect(page.locator(".toast")).to_contain_text("The voice is hoarse.")
    expect(button(chat, 1)).to_have_attribute("aria-pressed", "false")

    # A proxy in front of the provider sends a page: its title says why.
    problems.expect("status of 504")
    upstream.always(in_html(504, "Gateway Time-out"), path=SPEECH)
    page.evaluate("document.body.dataset.voice = 'echo'")
    chat.press(chat.answers.last, "Read aloud")
    expect(page.locator(".toast").filter(has_text="504 Gateway Time-out")).to_be_visible()


def test_without_a_speech_model_the_browser_reads_in_the_language_of_the_answer(page, talk, connection, upstream):
    chat = ChatPage(page).open(talk("天空是蓝色的。", "Good morning. " * 12))

    chat.press(chat.answers.first, "Read aloud")
    page.wait_for_function("() => window.said.length === 1")
    chat.press(chat.answers.last, "Read aloud")
    page.wait_for_function("() => window.said.length === 3")
    expect(button(chat, 1)).to_have_attribute("aria-pressed", "false")

    assert page.evaluate("window.said.map(([language]) => language)") == ["zh-CN", "en", "en"]
    assert said(upstream) == []

    page.evaluate("window.silent = true")  # it never ends, until somebody goes elsewhere
    chat.press(chat.answers.last, "Read aloud")
    expect(button(chat, 1, "Stop reading")).to_be_visible()
    page.locator("a.new-chat").click()
    expect(page.locator("#welcome")).to_be_visible()
    page.go_back()
    expect(button(chat, 1)).to_have_attribute("aria-pressed", "false")


def test_long_texts_are_cut_into_parts_that_sound_soon_and_go_on_long(page, connection):
    ChatPage(page).open()
    parts = page.evaluate(
        """async () => {
          const { partsOf } = await import("/static/js/chat/voice/speak.js");
          const long = "word ".repeat(30) + "comma, " + "word ".repeat(200);
          return [partsOf([long], "en"), partsOf(["蓝".repeat(500) + "。"], "zh"), partsOf([], "en")];
        }"""
    )

    latin, chinese, nothing = parts
    assert len(latin[0]) <= 120
    assert max(len(part) for part in latin) <= 400
    assert " ".join(latin) == f"{'word ' * 30}comma, {'word ' * 200}".strip()
    assert len(chinese[0]) == 40
    assert max(len(part) for part in chinese) <= 134
    assert "".join(chinese) == "蓝" * 500 + "。"
    assert nothing == []
