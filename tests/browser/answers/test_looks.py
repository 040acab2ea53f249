"""What answers hold besides words, in the browser: diagrams, drawings and pages in frames, tables, code, paper."""

import pytest
from playwright.sync_api import expect

from chat.models import Chat, Message, Share
from tests.browser.test_access import violations
from tests.fixtures.chat_page import ChatPage
from tests.upstream import Gate

DIAGRAM = "```mermaid\nflowchart LR\n  A[Question] --> B[Answer]\n```\n"
BROKEN = "```mermaid\nflowchart LR\n  A[Question --> B{Known\n```\n"
DRAWING = """```svg
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 100" onload="parent.document.title = 'taken'">
<circle cx="50" cy="50" r="40"/><script>parent.document.title = "taken"</script></svg>
```
"""
# It tries what it must not do, and says how that went.
PAGE = """```html
<!doctype html><title>x</title><p id="out">ran</p>
<script>
const out = document.getElementById("out");
const tries = {
  storage: () => localStorage.x,
  cookies: () => document.cookie,
  page: () => parent.document.title,
  network: () => fetch("/api/v1/chats/"),
  calls: () => new RTCPeerConnection(),
};
for (const [name, act] of Object.entries(tries))
  Promise.resolve().then(act).then(() => out.append(` ${name}:open`), () => out.append(` ${name}:closed`));
parent.postMessage({ id: 1, svg: "<svg/>", width: 1, height: 1 }, "*");
</script>
<script src="/static/js/pages/settings.js"></script><img src="/site/logo" onerror="out.append(' picture:closed')">
```
"""
TABLE = '| Name | Sum |\n|--|--:|\n| =HYPERLINK("x") | -5 |\n| Bob, "B" | +3.2 |\n'
CODE = "```python\n" + "\n".join(f"line_{number} = '''{number}" for number in range(1, 12)) + "\n```\n"


@pytest.fixture
def page(open_page, alice, problems):
    problems.expect("Content Security Policy")  # what the page of a model tried
    problems.expect("CSP violation")
    page = open_page(alice)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return page


def saved(alice, content, questions=1):
    chat = Chat.objects.create(user=alice, title="Looks")
    for _number in range(questions):
        question = Message.objects.create(chat=chat, parent=chat.leaf, role="user", content="Show me")
        chat.leaf = Message.objects.create(chat=chat, parent=question, role="assistant", content=content, model="m1")
    chat.save()
    return chat


def block(page, index):
    return page.locator(".code").nth(index)


def test_diagrams_and_pages_are_shown_in_frames_and_stay_there(page, alice, provider, problems):
    problems.expect("status of 404")
    chat = ChatPage(page).open(f"/c/{saved(alice, DIAGRAM + BROKEN + DRAWING + PAGE).pk}")
    diagram, broken, drawing, html = (block(page, index) for index in range(4))

    diagram.scroll_into_view_if_needed()  # nothing is drawn before somebody comes near it
    expect(diagram.frame_locator("iframe").locator("img")).to_be_visible()
    expect(diagram.locator("pre")).to_be_hidden()
    expect(broken.locator(".preview-mistake")).to_contain_text("Parse error on line 2")
    expect(broken.locator("pre").last).to_be_visible()
    expect(drawing.frame_locator("iframe").locator("img")).to_be_visible()
    assert all(
        frame.get_attribute("sandbox").split()[0] == "allow-scripts"
        and "allow-same-origin" not in frame.get_attribute("sandbox")
        for frame in page.locator("iframe").all()
    )
    assert violations(page) == []

    # A page runs when it is asked for, and reaches nothing.
    expect(html.locator("iframe")).to_have_count(0)
    html.get_by_role("button", name="Preview").click()
    out = html.frame_locator("iframe").locator("#out")
    for closed in ("storage", "cookies", "page", "network", "calls", "picture"):
        expect(out).to_contain_text(f"{closed}:closed")
    expect(page).to_have_title("Looks · WebUI")
    html.get_by_role("button", name="Show the source").click()
    expect(html.locator("iframe")).to_have_count(0)

    # Large, by keyboard, and as a file.
    diagram.get_by_role("button", name="Full view").press("Enter")
    dialog = page.get_by_role("dialog", name="Preview")
    expect(dialog.frame_locator("iframe").locator("img")).to_be_visible()
    dialog.get_by_role("button", name="Larger").click()
    expect(dialog.frame_locator("iframe").locator("html[data-zoomed]")).to_be_attached()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(diagram.get_by_role("button", name="Full view")).to_be_focused()
    with page.expect_download() as download:
        diagram.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "Looks.svg"
    assert "<svg" in download.value.path().read_text()

    # In the dark a diagram is drawn anew.
    page.emulate_media(color_scheme="dark")
    expect(diagram.frame_locator("iframe").locator("img")).to_be_visible()

    # Nothing is drawn while it streams.
    gate = Gate()
    provider.says("Draw", [DIAGRAM, "That was it."], after={1: gate})
    chat.write("Draw")
    gate.wait()
    expect(chat.answers).to_have_count(2)
    expect(chat.answer.locator(".code-language")).to_have_text("mermaid")
    expect(chat.answer.locator("iframe, [data-preview]")).to_have_count(0)
    gate.open()
    chat.settled()
    expect(chat.answer.frame_locator("iframe").locator("img")).to_be_visible()


def test_tables_and_code_are_taken_along_without_formulas_and_numbers(page, alice, connection):
    ChatPage(page).open(f"/c/{saved(alice, TABLE + CODE).pk}")
    table = page.locator(".table")
    table.hover()
    with page.expect_download() as download:
        table.get_by_role("button", name="Download as CSV").click()
    assert download.value.path().read_bytes().decode() == (
        '\ufeffName,Sum\r\n"\'=HYPERLINK(""x"")",-5\r\n"Bob, ""B""",+3.2\r\n'
    )
    table.get_by_role("button", name="Copy table").click()
    expect(table.locator("[data-state='copied']")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == 'Name\tSum\n\'=HYPERLINK("x")\t-5\nBob, "B"\t+3.2'
    kinds = page.evaluate("navigator.clipboard.read().then(([item]) => item.types)")
    assert "text/html" in kinds

    code = block(page, 0)
    expect(code.locator(".line")).to_have_count(11)
    written = CODE.removeprefix("```python\n").removesuffix("```\n")
    assert code.locator("code").text_content() == written
    code.locator("code").evaluate("(code) => getSelection().selectAllChildren(code)")
    page.keyboard.press("Control+c")
    assert page.evaluate("navigator.clipboard.readText()").strip() == written.strip()
    code.get_by_role("button", name="Wrap lines").click()
    code.get_by_role("button", name="Copy code").click()
    expect(code.locator("[data-state='copied']")).to_have_count(1)
    assert page.evaluate("navigator.clipboard.readText()") == written


def test_paper_holds_the_whole_chat_and_no_furniture(page, alice, connection):
    chat = saved(alice, "See [this](https://example.com/x).\n\n" + TABLE, questions=15)
    share = Share.objects.create(chat=chat, leaf=chat.leaf)
    shown = ChatPage(page).open(f"/c/{chat.pk}")
    shown.chats.first.hover()
    page.get_by_role("button", name="Options for Looks").click()
    with page.context.expect_page() as opened:
        page.get_by_role("menuitem", name="Print").click()
    paper = opened.value
    expect(paper.locator(".message")).to_have_count(30)
    paper.emulate_media(media="print")
    expect(paper.get_by_role("button", name="Print")).to_be_hidden()
    expect(paper.locator(".table-tools").first).to_be_hidden()
    link = paper.locator(".prose a").first
    assert link.evaluate("(link) => getComputedStyle(link, '::after').content") == '" (" attr(href) ")"' or (
        "example.com" in link.evaluate("(link) => getComputedStyle(link, '::after').content")
    )
    paper.goto(f"/s/{share.pk}/print")
    expect(paper.locator(".message")).to_have_count(30)

    page.emulate_media(media="print")
    for furniture in (page.locator("#composer"), page.locator("#sidebar"), page.locator(".actions").first):
        expect(furniture).to_be_hidden()
    box = page.locator("#content").evaluate("(box) => [box.scrollHeight, box.clientHeight]")
    assert box[0] == box[1], "nothing is cut off"
