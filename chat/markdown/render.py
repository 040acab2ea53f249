"""Markdown of models as safe HTML.

The browser renders the same text while it streams (static/js/chat/markdown/render.js), with the same engine and the
same rules, so that nothing jumps when the saved answer takes over; tests/browser compares the two over one set of
examples. A rule changed here is changed there.

Of raw HTML only a few inline tags without attributes are allowed. Pictures come from this site alone, because a remote
picture would tell its server who reads it. Headings start below the page's own, and links open in a new tab.
Code is coloured in the browser (static/js/chat/markdown/code.js): highlighters need quadratic time for some texts.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from chat import file_addresses
from chat.markdown import budget, footnotes, formulas, links
from chat.markdown.budget import CHARACTERS_PER_STEP
from chat.markdown.parsers import BlockParser, BlockState, InlineParser, InlineState
from providers import runtime

BARE_TAG = re.compile(r"</?(?:br|del|ins|kbd|mark|sub|sup)\s*/?>", re.IGNORECASE)
OWN_PICTURE = re.compile(rf"{file_addresses.PATH}$|data:image/(?:png|jpeg|gif|webp);base64,", re.ASCII)
# Links to other sites, to a page of this site, or to a footnote.
ADDRESS = re.compile(r"https?:|mailto:|/(?![/\\])|#fn(?:ref)?-[\w-]+$", re.IGNORECASE | re.ASCII)
TASK = re.compile(r"\[([ xX])\] ")
ALIGNMENT = re.compile(r"text-align:(left|center|right)")
LONGEST = 200_000  # characters; a longer text stays as it was written
LONGEST_CACHED = 20_000  # characters

TAGS = {
    *(
        "a",
        "blockquote",
        "br",
        "code",
        "del",
        "div",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "img",
        "input",
        "ins",
        "kbd",
        "label",
        "li",
        "mark",
    ),
    *("ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ATTRIBUTES = {
    "a": {"href", "title", "target", "rel", "class", "id", "role"},
    "img": {"src", "alt", "title", "loading"},
    "input": {"type", "checked", "disabled"},
    "li": {"class", "id", "tabindex"},
    "ol": {"start"},
    "pre": {"tabindex"},
    **{tag: {"class"} for tag in ("p", "span", "td", "th")},
    "div": {"class", "tabindex"},
}


def _keep_attribute(tag: str, name: str, value: str) -> str | None:
    allowed = {"src": OWN_PICTURE, "href": ADDRESS, "id": footnotes.ID}.get(name)
    return value if allowed is None or allowed.match(value) else None


_cleaner = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    attribute_filter=_keep_attribute,
    url_schemes={"http", "https", "mailto", "data"},
    link_rel=None,
)


def to_html(text: str, prefix: str = "", *, as_steps: bool = False) -> SafeString:
    """The text as HTML. A text that is too long, or exceeds the budget, stays plain.

    `prefix` makes the ids of footnotes unique in a page. With `as_steps` the headings, and the paragraphs that are bold
    as a whole, are the titles of steps. The latest results are cached, except long ones.
    """
    prefix = prefix if "[^" in text else ""
    try:
        if len(text) <= LONGEST_CACHED:
            return runtime.state(RenderedTexts).html_of(text, prefix, as_steps)
        return _render(text, prefix, as_steps) if len(text) <= LONGEST else plain(text)
    except budget.BudgetExceeded:
        return plain(text)


def plain(text: str) -> SafeString:
    """The text as written, escaped and without Markdown."""
    return mark_safe(f'<div class="plain">{escapeHtml(text)}</div>\n')  # noqa: S308 - it has just been escaped


class RenderedTexts:
    """A cache of the texts that were rendered last."""

    def __init__(self) -> None:
        self.html_of = lru_cache(maxsize=128)(_render)


def _render(text: str, prefix: str, as_steps: bool) -> SafeString:
    with budget.one_text() as left:
        html = _engine().render(text, {"budget": left, "prefix": prefix, "as_steps": as_steps})
        return mark_safe(_cleaner.clean(html))  # noqa: S308 - just sanitised


@lru_cache(maxsize=1)
def _engine() -> MarkdownIt:
    engine = MarkdownIt("js-default", {"html": True, "breaks": True, "linkify": True}, renderer_cls=_Renderer)
    engine.disable("html_block")
    links.set_up(engine)
    inline_formula = formulas.inline_rule(lambda state: cast("InlineState", state).formula_marks)
    engine.inline.ruler.before("escape", "formula", inline_formula)
    block_formula = formulas.block_rule(lambda state: cast("BlockState", state).formula_marks)
    ended = ["paragraph", "reference", "blockquote", "list"]
    engine.block.ruler.before("fence", "formula", block_formula, {"alt": ended})
    footnotes.set_up(engine)
    engine.core.ruler.push("arrange", _arrange)
    engine.inline, engine.block = InlineParser(engine.inline), BlockParser(engine.block)
    return engine


def _arrange(state: StateCore) -> None:
    """Adjust the tokens: heading levels below the page's own and without gaps, task lists, alignment by class."""
    levels: list[int] = []
    for index, token in enumerate(state.tokens):
        if state.env["as_steps"] and _is_title(state.tokens, index):
            token.tag = state.tokens[index + 2].tag = "p"
            token.attrSet("class", "step")
        elif token.type == "heading_open":
            level = int(token.tag[1])
            while levels and levels[-1] >= level:
                levels.pop()
            levels.append(level)
            token.tag = state.tokens[index + 2].tag = f"h{min(2 + len(levels), 6)}"
        elif token.type in ("th_open", "td_open"):
            aligned = ALIGNMENT.match(str(token.attrs.pop("style", "")))
            if aligned:
                token.attrSet("class", f"align-{aligned[1]}")
        elif token.type == "inline" and index > 1 and state.tokens[index - 2].type == "list_item_open":
            _mark_task(state.tokens[index - 2], token.children or [])


def _is_title(tokens: list[Token], index: int) -> bool:
    """Whether a heading begins here, or a paragraph that is bold as a whole."""
    if tokens[index].type != "paragraph_open" or tokens[index].hidden:
        return tokens[index].type == "heading_open"
    kinds = [child.type for child in tokens[index + 1].children or () if child.type != "text" or child.content]
    return bool(kinds) and kinds[0] == "strong_open" and kinds.index("strong_close") == len(kinds) - 1


def _mark_task(item: Token, children: list[Token]) -> None:
    match = TASK.match(children[0].content) if children and children[0].type == "text" else None
    if match:
        item.attrSet("class", "task")
        children[0].content = children[0].content[4:]
        children.insert(0, Token("task_open", "", 1, meta={"done": match[1] != " "}))
        children.append(Token("task_close", "", -1))


class _Renderer(footnotes.FootnoteRules, RendererHTML):
    def task_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return f'<label><input type="checkbox" disabled{" checked" if tokens[index].meta["done"] else ""}> '

    def task_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</label>"

    def formula(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        tag = "div" if token.hidden else "span"
        name = "math math-block" if token.block else "math"
        return f'<{tag} class="{name}">{escapeHtml(token.content)}</{tag}>' + ("\n" if token.hidden else "")

    def fence(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        words = tokens[index].info.split(maxsplit=1)
        return self._code(tokens[index].content, words[0] if words else "")

    def code_block(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return self._code(tokens[index].content, "")

    def _code(self, code: str, language: str) -> str:
        return (
            f'<div class="code"><div class="code-bar"><span class="code-language">{escapeHtml(language)}</span></div>'
            f'<pre tabindex="0"><code>{escapeHtml(code)}</code></pre></div>\n'
        )

    def table_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return '<div class="table" tabindex="0"><table>\n'

    def table_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</table></div>\n"

    def link_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return _link(tokens[index].attrs)

    def html_inline(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        content = tokens[index].content
        return content if BARE_TAG.fullmatch(content) else escapeHtml(content)

    def image(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        source = str(token.attrGet("src") or "")
        alt = escapeHtml(self.renderInlineAsText(token.children, options, env) if token.children else "")
        env["budget"].spend(1 + len(source) // CHARACTERS_PER_STEP)  # a reference repeats it as often as it is used
        if OWN_PICTURE.match(source):
            return f'<img src="{escapeHtml(source)}" alt="{alt}" loading="lazy">'
        return f"{_link({'href': source, 'class': 'image-link'})}{alt or escapeHtml(source)}</a>"


def _link(attributes: Mapping[str, Any]) -> str:
    written = {name: str(attributes[name]) for name in ("href", "title", "class") if attributes.get(name)}
    shown = "".join(f' {name}="{escapeHtml(value)}"' for name, value in written.items())
    return f'<a{shown} target="_blank" rel="noopener noreferrer">'
