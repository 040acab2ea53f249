"""The browser's Markdown renderer: it gives the same HTML as the server's, and the same safety."""

import pytest

from chat.markdown import to_html
from tests.chat.markdown import examples

# Both renderings as the browser reads them, without the colours of code (two libraries, one palette).
COMPARE = """
async ([texts, rendered, env]) => {
  const markdown = await import("/static/js/chat/markdown/render.js");
  await markdown.ready();
  const plain = (root) => {
    for (const span of root.querySelectorAll("[class^='hljs-']")) span.replaceWith(...span.childNodes);
    for (const element of root.querySelectorAll("*")) {
      const attributes = [...element.attributes].sort((a, b) => a.name.localeCompare(b.name));
      for (const { name } of attributes) element.removeAttribute(name);
      for (const { name, value } of attributes) element.setAttribute(name, value);
    }
    root.normalize();
    return root.innerHTML.replace(/>\\s+/g, ">").replace(/\\s+</g, "<");
  };
  return texts.map((text, index) => {
    const [ours, theirs] = [document.createElement("div"), document.createElement("div")];
    ours.append(markdown.toFragment(text, { ...env }));
    theirs.append(new DOMParser().parseFromString(rendered[index], "text/html").body);
    return [text, plain(ours), plain(theirs.firstChild)];
  });
}
"""
# Piece by piece, as a stream does; afterwards the blocks must be those of one rendering of the whole.
STREAM = """
async ([texts, sizes]) => {
  const markdown = await import("/static/js/chat/markdown/render.js");
  await markdown.ready();
  const wrong = [];
  for (const text of texts) {
    const [grown, whole] = [document.createElement("div"), document.createElement("div")];
    document.body.append(grown);
    for (let end = 0, turn = 0; end < text.length; turn += 1) {
      end += sizes[turn % sizes.length];
      markdown.draw(grown, text.slice(0, end));
    }
    markdown.draw(whole, text);
    if (grown.innerHTML !== whole.innerHTML) wrong.push([text, grown.innerHTML, whole.innerHTML]);
    grown.remove();
  }
  return wrong;
}
"""


@pytest.fixture
def chat_page(open_page, problems, connection, alice):
    page = open_page(alice)
    page.goto("/")
    problems.expect("status of 404")  # the pictures of the examples are not there
    return page


def test_both_sides_render_alike(chat_page):
    texts = examples.ALL
    for text, browsers, servers in chat_page.evaluate(COMPARE, [texts, [to_html(text) for text in texts], {}]):
        assert browsers == servers, text


def test_both_sides_render_footnotes_and_thoughts_alike(chat_page):
    texts = [*examples.FOOTNOTES, *examples.STEPS, *examples.ORDINARY]
    servers = [to_html(text, "p-", as_steps=True) for text in texts]
    for text, ours, theirs in chat_page.evaluate(COMPARE, [texts, servers, {"prefix": "p-", "asSteps": True}]):
        assert ours == theirs, text


def test_a_text_that_streams_ends_as_the_whole_would(chat_page):
    texts = [text for text in examples.ALL if "$" not in text and "\\" not in text]
    for text, grown, whole in chat_page.evaluate(STREAM, [["\n\n".join(texts), *texts], [1, 7, 3, 20]]):
        assert grown == whole, text


def test_hostile_text_does_nothing_while_it_streams(chat_page):
    """No script, no request to elsewhere; `open_page` fails the test on any violation of the content policy."""
    strangers = []
    chat_page.on("request", lambda request: strangers.append(request.url) if "evil" in request.url else None)
    chat_page.on("dialog", lambda dialog: strangers.append(dialog.message))
    chat_page.evaluate(STREAM, [examples.HOSTILE, [1]])
    assert strangers == []


DRAW = """
async (text) => {
  const { draw, ready } = await import("/static/js/chat/markdown/render.js");
  await ready();
  const box = document.createElement("div");
  box.id = "box";
  document.body.append(box);
  draw(box, text);
}
"""


def test_formulas_are_drawn_without_styles_in_markup(chat_page):
    tall = (
        r"\left(\begin{matrix}a\\b\\c\\d\end{matrix}\right) \color{red}{x} \overbrace{a+b} \boxed{y} \sqrt{\frac{1}{2}}"
    )
    chat_page.evaluate(DRAW, f"$$\n{tall}\n$$\n\nand $\\bad{{$ as it is")
    chat_page.wait_for_selector("#box .katex")
    assert chat_page.locator("#box .katex-mathml math").count() == 1
    assert r"\bad{" in chat_page.inner_text("#box p")


COLOUR = """
async (texts) => {
  const { decorate } = await import("/static/js/chat/markdown/render.js");
  const boxes = texts.map(([language, text]) => {
    const box = document.createElement("div");
    box.innerHTML = '<div class="code"><div class="code-bar"><span class="code-language"></span></div>' +
      "<pre><code></code></pre></div>";
    box.querySelector(".code-language").textContent = language;
    box.querySelector("code").textContent = text;
    document.body.append(box);
    decorate(box);
    return box;
  });
  await new Promise((resolve) => {
    const look = () => (boxes.every((box) => box.querySelector(".coloured")) ? resolve() : setTimeout(look, 20));
    look();
  });
  return boxes.map((box) => [box.querySelector("code").textContent, box.querySelectorAll("[class^=hljs]").length > 0]);
}
"""


def test_saved_code_is_coloured_unless_that_could_take_long(chat_page):
    code = "return 1;  // <b>done</b>\n"
    texts = [("JavaScript", code), ("nonesuch", code), ("js", code * 1_000), ("js", "return 1; " * 101 + "\n")]
    coloured = chat_page.evaluate(COLOUR, texts)
    assert coloured == [[code, True], [code, False], [code * 1_000, False], [texts[3][1], False]]
