"""A conversation in the browser, from sign-in on. Gates, not clocks, release the provider's next bytes."""

import asyncio
import threading

import pytest
from playwright.sync_api import expect

from chat.models import Chat, Message
from chat.pipeline import Handler, Toggle
from providers.models import Budget, ChatModel, GatewaySettings
from tests import people
from tests.fixtures.chat_page import ChatPage
from tests.upstream import RESET, Gate, openai


@pytest.fixture
def chat(open_page, provider, alice):
    return ChatPage(open_page(alice)).open()


def test_a_newcomer_signs_in_picks_a_model_and_watches_the_answer_arrive(page, provider, alice, site, upstream):
    people.make_connection(upstream.url, "m1", "other-model", name="Second", position=1)
    first, second = Gate(), Gate()
    provider.says("What is blue?", "The **sky** is blue, and so is the sea.", after={2: first, 5: second})
    page.goto("/")
    page.get_by_label("E-mail").fill(alice.email)
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_label("Password").press("Enter")
    chat = ChatPage(page)
    chat.pick("other")
    chat.write("What is blue?")

    first.wait()
    expect(chat.answer).to_have_text("The sky")
    expect(chat.stop_button).to_be_enabled()
    expect(page.locator("#welcome")).to_have_count(0)
    first.open()
    second.wait()
    expect(chat.answer).to_contain_text("The sky is blue")
    expect(chat.answer).not_to_contain_text("sea")
    second.open()
    expect(chat.answer).to_have_text("The sky is blue, and so is the sea.")
    chat.settled()

    expect(chat.answer.locator("strong")).to_have_text("sky")
    assert "/c/" in page.url
    assert upstream.chats[0].json["model"] == "other-model"
    expect(page.get_by_role("heading", level=1)).to_have_text("A fitting title")
    expect(chat.chats.first).to_contain_text("A fitting title")
    alice.refresh_from_db()
    assert alice.preferences["model"] == "other-model"


def test_a_model_is_chosen_with_the_mouse(chat, provider):
    ChatModel.objects.create(public_id="tutor", base=ChatModel.objects.get(public_id="m1"))
    chat.page.get_by_role("button", name="Model:").click()
    chat.page.get_by_role("option", name="tutor").click()
    expect(chat.page.get_by_role("button", name="Model: tutor")).to_be_visible()
    expect(chat.field).to_be_focused()
    chat.ask("Hello")
    assert Message.objects.get(role="assistant").model == "tutor"


def test_stop_ends_the_answer_and_keeps_what_came(chat, provider, upstream):
    gate = Gate()
    provider.says("Go on for long", "one two three four", after={2: gate})
    chat.write("Go on for long")
    gate.wait()
    expect(chat.answer).to_contain_text("one")
    chat.stop_button.click()
    expect(chat.answers.last).to_contain_text("Stopped.")
    expect(chat.answer).to_have_text("one two")
    upstream.chats[0].closed.wait(10)
    expect(chat.page.get_by_role("button", name="Send", exact=True)).to_be_visible()


def test_escape_stops_too(chat, provider):
    gate = Gate()
    provider.says("Go on for long", "one two three", after={1: gate})
    chat.write("Go on for long")
    gate.wait()
    expect(chat.answer).to_contain_text("one")
    chat.page.keyboard.press("Escape")
    expect(chat.answers.last).to_contain_text("Stopped.")


def test_a_reload_in_the_middle_shows_what_came_and_goes_on(chat, provider):
    first, second = Gate(), Gate()
    provider.says("Count", "one two three", after={1: first, 2: second})
    chat.write("Count")
    first.wait()
    expect(chat.answer).to_have_text("one")
    chat.page.reload()
    expect(chat.answer).to_have_text("one")
    first.open()
    second.wait()
    expect(chat.answer).to_have_text("one two")
    second.open()
    expect(chat.answer).to_have_text("one two three")
    chat.settled()


def test_a_reply_goes_on_while_no_tab_is_open(chat, provider):
    gate = Gate()
    provider.says("Count", "one two three", after={1: gate})
    chat.write("Count")
    gate.wait()
    expect(chat.answer).to_contain_text("one")
    address, context = chat.page.url, chat.page.context
    chat.page.close()
    gate.open()
    later = ChatPage(context.new_page()).open(address)
    expect(later.answer).to_have_text("one two three")


def test_a_lost_connection_is_said_quietly_and_everything_catches_up(chat, provider):
    gate, lost, routes = Gate(), [], []

    def connect(route):
        if lost:
            route.close()
        else:
            route.connect_to_server()
            routes.append(route)

    provider.says("Count", "one two three", after={1: gate})
    chat.page.route_web_socket("**/ws/events", connect)
    chat.page.reload()
    chat.write("Count")
    gate.wait()
    expect(chat.answer).to_have_text("one")
    lost.append(True)
    routes[-1].close()
    banner = chat.page.get_by_text("The connection was lost.")
    expect(banner).to_be_visible()
    gate.open()
    lost.clear()
    expect(chat.answer).to_have_text("one two three")
    expect(banner).to_be_hidden()
    chat.settled()


def test_a_reply_whose_end_was_lost_is_asked_for_after_a_silence(chat, provider, alice):
    gate, deaf, lost = Gate(), [], []

    def connect(route):
        server = route.connect_to_server()

        def pass_on(text):
            if not deaf:
                route.send(text)
            elif '"done":true' in text:
                lost.append(text)

        server.on_message(pass_on)

    provider.says("Count", "one two three", after={1: gate})
    chat.page.clock.install()
    chat.page.route_web_socket("**/ws/events", connect)
    chat.page.reload()
    chat.write("Count")
    gate.wait()
    expect(chat.answer).to_have_text("one")

    deaf.append(True)
    gate.open()
    while not lost:
        chat.page.evaluate("0")  # Playwright hears the socket while it works for us
    deaf.clear()
    chat.page.clock.fast_forward("00:21")

    expect(chat.answer).to_have_text("one two three")
    chat.settled()


def test_answer_again_keeps_the_earlier_answer_as_a_version(chat, provider):
    provider.says("A colour?", "Red.")
    provider.says("A colour?", "Green.")
    chat.ask("A colour?")
    expect(chat.answer).to_have_text("Red.")
    chat.press(chat.answers.last, "Answer again")
    expect(chat.answer).to_have_text("Green.")
    chat.settled()
    pager, copy = chat.answers.last.locator(".pager"), chat.answers.last.get_by_role("button", name="Copy", exact=True)
    expect(pager).to_contain_text("2/2")
    assert pager.bounding_box()["x"] < copy.bounding_box()["x"]  # it stays where the others are hidden
    chat.press(chat.answers.last, "Previous version")
    expect(chat.answer).to_have_text("Red.")
    expect(chat.answers.last.get_by_role("button", name="Next version")).to_be_focused()
    chat.page.reload()
    expect(chat.answer).to_have_text("Red.")


def test_an_edit_in_place_asks_anew_and_keeps_the_old_branch(chat, provider):
    provider.says("A coluor?", "What?")
    provider.says("A colour?", "Blue.")
    chat.ask("A coluor?")
    chat.press(chat.questions.last, "Edit")
    editor = chat.page.get_by_role("textbox", name="Edit your message")
    expect(editor).to_have_value("A coluor?")
    editor.fill("A colour?")
    editor.press("Enter")
    expect(chat.answer).to_have_text("Blue.")
    chat.settled()
    expect(chat.questions).to_have_count(1)
    chat.press(chat.questions.last, "Previous version")
    expect(chat.answer).to_have_text("What?")


def test_arrow_up_in_the_empty_field_edits_the_last_message_and_escape_leaves_it(chat, provider):
    chat.ask("First")
    chat.ask("Second")
    chat.field.press("ArrowUp")
    editor = chat.page.get_by_role("textbox", name="Edit your message")
    expect(editor).to_have_value("Second")
    editor.press("Escape")
    expect(editor).to_have_count(0)
    expect(chat.field).to_be_focused()


def test_two_tabs_show_the_same_chat_live(chat, provider):
    gate = Gate()
    chat.ask("First")
    other = ChatPage(chat.page.context.new_page()).open(chat.page.url)
    provider.says("Second", "one two three", after={2: gate})
    chat.write("Second")
    gate.wait()
    for tab in (chat, other):
        expect(tab.questions.last.locator(".bubble")).to_have_text("Second")
        expect(tab.answer).to_have_text("one two")
    expect(other.stop_button).to_be_enabled()
    gate.open()
    for tab in (chat, other):
        expect(tab.answer).to_have_text("one two three")
        tab.settled()
    other.press(other.answers.last, "Answer again")
    expect(chat.answers.last.locator(".pager")).to_contain_text("2/2")


def test_a_new_chat_appears_in_the_other_tabs_list(chat, provider):
    other = ChatPage(chat.page.context.new_page()).open()
    expect(other.chats).to_have_count(0)
    chat.ask("Hello")
    expect(other.chats).to_have_count(1)
    expect(other.chats.first).to_contain_text("A fitting title")


def test_an_error_shows_the_providers_words_and_a_way_on(chat, provider):
    provider.does("Hello", openai.error(400, "This model is on holiday."))
    provider.says("Hello", "Back again.")
    chat.ask("Hello")
    card = chat.page.get_by_role("group", name="This answer failed")
    expect(card).to_contain_text("This model is on holiday.")
    card.get_by_role("button", name="Try again").click()
    expect(chat.answer).to_have_text("Back again.")


def test_whoever_has_no_key_chooses_another_model_where_a_key_is_refused(chat, provider):
    ChatModel.objects.create(public_id="tutor", base=ChatModel.objects.get(public_id="m1"))
    provider.does("Hello", openai.error(401, "Incorrect API key provided.", code="invalid_api_key"))
    chat.ask("Hello")
    card = chat.page.get_by_role("group", name="This answer failed")
    expect(card).to_contain_text("This model cannot be used right now; the administrators were told.")
    card.get_by_role("button", name="Choose another model").press("Enter")
    expect(chat.page.get_by_role("combobox", name="Search models")).to_be_focused()
    chat.page.get_by_role("option", name="tutor").click()
    provider.says("Hello", "Here I am.")
    card.get_by_role("button", name="Try again").click()
    expect(chat.answers.last.get_by_role("heading", name="tutor")).to_be_visible()


def test_an_answer_that_breaks_off_keeps_its_words_and_says_so(chat, provider):
    provider.says("Hello", "one two three", after={2: RESET})
    chat.ask("Hello")
    expect(chat.answer).to_have_text("one two")
    expect(chat.page.get_by_role("group", name="This answer failed")).to_be_visible()


def test_thoughts_are_folded_away_and_timed(chat, provider):
    gate = Gate()
    provider.says("Think", "Two.", reasoning=["one plus", " one"], after={0: gate})
    chat.write("Think")
    gate.wait()
    expect(chat.page.get_by_text("Thinking …")).to_be_visible()
    gate.open()
    expect(chat.answer).to_have_text("Two.")
    chat.settled()
    summary = chat.page.get_by_text("Thought for 1 s")
    thoughts = chat.answers.last.locator("[data-part='reasoning-text']")
    expect(thoughts).to_be_hidden()
    summary.click()
    expect(thoughts).to_have_text("one plus one")


class Drawing(Handler):
    """A test handler that draws: it reports progress, shows a file, and lets the test look at each step."""

    name = "drawing"
    toggle = Toggle(label="Drawing", icon="image")
    gates = ()

    async def handle(self, turn):
        picture = {
            "type": "image",
            "url": "/static/logo.svg",
            "id": "1",
            "name": "A logo",
            "content_type": "image/svg+xml",
        }
        steps = [
            {"description": "Waiting", "queue": 2, "done": False},
            {"description": "Drawing", "step": 12, "total": 30, "progress": 0.4, "done": False},
            {"description": "Drawn", "done": True},
        ]
        for gate, step in zip(self.gates, steps, strict=True):
            await turn.emit("status", step)
            if step["done"]:
                await turn.add_files([picture])
            await asyncio.to_thread(gate.wait, 20)


def test_steps_are_told_as_they_happen_and_folded_when_all_is_done(open_page, provider, alice, settings, monkeypatch):
    settings.CHAT_PIPELINE = ["tests.browser.test_chat.Drawing"]
    gates = [threading.Event() for _ in range(3)]
    monkeypatch.setattr(Drawing, "gates", gates)
    chat = ChatPage(open_page(alice)).open()
    provider.says("Draw", "Here it is.")
    chip = chat.page.get_by_role("button", name="Drawing")
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    chat.write("Draw")
    expect(chat.page.get_by_text("Waiting · 2 before this one")).to_be_visible()
    gates[0].set()
    expect(chat.page.get_by_text("Drawing · step 12 of 30 · 40 %")).to_be_visible()
    expect(chat.page.get_by_role("progressbar")).to_have_attribute("value", "40")
    gates[1].set()
    expect(chat.page.get_by_role("img", name="A logo")).to_be_visible()
    expect(chat.page.get_by_role("progressbar")).to_have_count(0)
    gates[2].set()
    expect(chat.answer).to_have_text("Here it is.")
    chat.settled()
    expect(chat.page.get_by_role("img", name="A logo")).to_have_count(1)
    chat.page.get_by_text("How this was made").click()
    expect(chat.page.get_by_role("listitem").filter(has_text="Drawn")).to_be_visible()


def test_details_tell_model_connection_tokens_and_the_first_word(chat, provider):
    provider.says("Hello", "Hi.", usage={"prompt_tokens": 21, "completion_tokens": 42, "total_tokens": 63})
    chat.ask("Hello")
    chat.press(chat.answers.last, "Details")
    card = chat.page.locator(".details-card:popover-open")
    for words in ("m1", "Scripted", "21", "42", "Time to first word"):
        expect(card).to_contain_text(words)
    expect(card.locator("[data-receipt-part=cost]")).to_have_text("unknown")


def test_details_tell_what_an_answer_cost_in_the_chosen_currency(chat, provider):
    GatewaySettings.objects.update_or_create(pk=1, defaults={"currency": "EUR", "currency_rate": "0.5"})
    provider.says("Hello", "Hi.", usage={"prompt_tokens": 2100, "completion_tokens": 42, "cost": 0.00246914})
    chat.ask("Hello")
    chat.press(chat.answers.last, "Details")
    card = chat.page.locator(".details-card:popover-open")
    expect(card.locator("[data-receipt-part=cost]")).to_have_text("0.001235 EUR")
    expect(card.locator("[data-receipt-part=tokens_in]")).to_have_text("2,100")


def test_a_message_that_cannot_be_sent_stays_in_the_field(chat, problems):
    problems.expect("ERR_INTERNET_DISCONNECTED")
    chat.page.context.set_offline(True)
    chat.write("Do not lose me")
    note = chat.page.locator("#toasts .toast")
    expect(note).to_have_text("Your message could not be sent.Send again")
    expect(chat.field).to_have_value("Do not lose me")
    expect(chat.page.locator(".sending")).to_have_count(0)
    chat.field.press("Enter")
    expect(chat.field).to_have_value("Do not lose me")
    expect(note).to_have_count(1)  # not twice
    chat.page.context.set_offline(False)
    note.get_by_role("button", name="Send again").click()
    expect(chat.questions.last.locator(".bubble")).to_have_text("Do not lose me")


def test_a_draft_is_kept_per_chat_over_a_reload(chat, provider):
    chat.ask("Hello")
    chat.field.fill("half a thought")
    chat.page.reload()
    expect(chat.field).to_have_value("half a thought")
    chat.page.get_by_role("link", name="New chat").first.click()
    expect(chat.page.locator("#welcome")).to_be_visible()
    expect(chat.field).to_have_value("")
    chat.page.go_back()
    expect(chat.field).to_have_value("half a thought")


def test_enter_during_an_input_methods_work_sends_nothing(chat):
    chat.field.fill("ni hao")
    for event in ({"isComposing": True, "keyCode": 13}, {"isComposing": False, "keyCode": 229}):
        chat.field.dispatch_event("keydown", {"key": "Enter", "bubbles": True, **event})
    chat.field.press("Shift+Enter")
    expect(chat.field).to_have_value("ni hao\n")
    expect(chat.questions).to_have_count(0)


def test_code_can_be_copied_and_wrapped(chat, provider):
    chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    provider.says("Code", "Here:\n\n```python\nprint('hi')\n```\n")
    chat.ask("Code")
    code = chat.answer.locator(".code")
    code.get_by_role("button", name="Copy code").click()
    assert chat.page.evaluate("navigator.clipboard.readText()") == "print('hi')\n"
    code.get_by_role("button", name="Wrap lines").click()
    expect(code.get_by_role("button", name="Wrap lines")).to_have_attribute("aria-pressed", "true")
    chat.press(chat.answers.last, "Copy")
    assert chat.page.evaluate("navigator.clipboard.readText()") == "Here:\n\n```python\nprint('hi')\n```\n"


def test_the_words_one_has_selected_stay_when_the_answer_ends(chat, provider):
    gate = Gate()
    provider.says("Hello", "First paragraph.\n\nSecond one.", frames=6, after={5: gate})
    chat.write("Hello")
    gate.wait()
    expect(chat.answer.locator("p")).to_have_count(2)
    chat.page.evaluate("getSelection().selectAllChildren(document.querySelector('[data-part=body] p'))")
    gate.open()
    chat.settled()
    assert chat.page.evaluate("getSelection().toString()") == "First paragraph."


def test_the_thread_follows_the_end_only_while_one_is_there(chat, provider):
    gates = [Gate(), Gate(), Gate()]
    lines = [f"line {number}\n\n" for number in range(120)]
    provider.says("Long", lines, after={60: gates[0], 80: gates[1], 110: gates[2]})
    chat.write("Long")
    gates[0].wait()
    expect(chat.answer).to_contain_text("line 59")
    chat.page.wait_for_function(
        "() => (b => b.scrollHeight - b.scrollTop - b.clientHeight < 2)(document.getElementById('content'))"
    )
    chat.page.locator("#content").hover()
    chat.page.mouse.wheel(0, -800)
    latest = chat.page.get_by_role("button", name="Jump to latest")
    expect(latest).to_be_visible()
    gates[0].open()
    gates[1].wait()
    expect(chat.answer).to_contain_text("line 79")
    assert not chat.scrolled_to_end()
    latest.click()
    expect(latest).to_be_hidden()
    gates[1].open()
    gates[2].wait()
    expect(chat.answer).to_contain_text("line 109")
    chat.page.wait_for_function(
        "() => (b => b.scrollHeight - b.scrollTop - b.clientHeight < 2)(document.getElementById('content'))"
    )
    gates[2].open()
    chat.settled()


def test_a_finished_answer_is_announced_and_its_pieces_are_not(chat, provider):
    gate = Gate()
    provider.says("Hello", "one two", after={1: gate})
    announcer = chat.page.locator("#announcer")
    chat.write("Hello")
    gate.wait()
    expect(chat.answer).to_contain_text("one")
    expect(announcer).to_have_text("")
    gate.open()
    expect(announcer).to_have_text("m1 answered: one two")


def test_a_greeting_taller_than_the_window_is_read_from_its_head(open_page, provider, alice):
    chat = ChatPage(open_page(alice, viewport={"width": 640, "height": 320})).open()
    expect(chat.field).to_be_enabled()
    expect(chat.page.get_by_role("heading", name="Hello, Alice")).to_be_in_viewport(ratio=1)
    expect(chat.page.get_by_role("button", name="Jump to latest")).to_be_hidden()


def test_the_whole_of_a_very_long_answer_is_shown_on_request(open_page, connection, alice):
    stored = Chat.objects.create(user=alice, title="Long")
    question = Message.objects.create(chat=stored, role="user", content="Q")
    long = "```js\nreturn 1;\n```\n\n" + "**bold** " * 6_000
    stored.leaf = Message.objects.create(chat=stored, parent=question, role="assistant", content=long, model="m1")
    stored.save()
    chat = ChatPage(open_page(alice)).open(f"/c/{stored.pk}")
    expect(chat.answer.locator("strong")).to_have_count(0)
    chat.page.get_by_role("button", name="Show all of it").click()
    expect(chat.answer.locator("strong")).to_have_count(6_000)
    expect(chat.answer.locator(".hljs-keyword")).to_have_text("return")
    expect(chat.page.get_by_role("button", name="Show all of it")).to_have_count(0)


def test_a_budget_that_an_answer_nearly_used_up_is_told_without_a_new_page(open_page, provider, alice):
    Budget.objects.create(user=alice, name="Mine", unit="tokens", amount=100, warn_at="0.5")
    provider.says("Hello", "Hi.", usage={"prompt_tokens": 50, "completion_tokens": 20})
    chat = ChatPage(open_page(alice)).open()
    line = chat.page.locator("#budget-warning")
    expect(line).to_be_hidden()
    chat.ask("Hello")
    expect(line).to_contain_text("Budget “Mine”:")
    expect(line.get_by_role("link", name="Your usage")).to_have_attribute("href", "/settings/usage")
