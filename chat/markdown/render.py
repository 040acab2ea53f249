"""Markdown of models as safe HTML.

The browser renders the same text while it streams (static/js/chat/markdown/render.js), with the same engine and the
same rules, so that nothing jumps when the saved answer takes over; tests/browser compares the two over one set of
examples. A rule changed here is changed there.

Of raw HTML only a few inline tags without attributes are allowed. Pictures come from this site alone, because a remote
picture would tell its server who reads it. Headings start below the page's own, and links open in a new tab.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import nh3
from django.utils.safestring import SafeString, mark_safe
from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.parser_inline import ParserInline
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token

from chat import file_addresses
from chat.markdown import code as highlighting
from providers import runtime

BARE_TAG = re.compile(r"</?(?:br|del|ins|kbd|mark|sub|sup)\s*/?>", re.IGNORECASE)
OWN_PICTURE = re.compile(rf"{file_addresses.PATH}$|data:image/(?:png|jpeg|gif|webp);base64,", re.ASCII)
ADDRESS = re.compile(r"https?:|mailto:|/(?![/\\])", re.IGNORECASE)  # elsewhere, or a page of this site
TASK = re.compile(r"\[([ xX])\] ")
ALIGNMENT = re.compile(r"text-align:(left|center|right)")
FULL_STOP = re.compile("[\u3000-\u303f\uff00-\uffef\u201c\u201d\u2018\u2019]")
CJK = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
# Formulas in a line: opening mark → (pattern, whether it is shown on a line of its own). `$5 and $6` is money: the
# closing dollar of a formula follows no space and stands before no digit.
FORMULAS = {
    "$$": (re.compile(r"\$\$((?:\\[\s\S]|[^\\$]|\$(?!\$))+?)\$\$"), True),
    "$": (re.compile(r"(?<![\\\w])\$(?![\s$])((?:\\[\s\S]|[^\\$])+)(?<!\s)\$(?!\d)", re.ASCII), False),
    "\\[": (re.compile(r"\\\[([\s\S]+?)\\\]"), True),
    "\\(": (re.compile(r"\\\(([\s\S]+?)\\\)"), False),
}
CLOSING = {"$$": "$$", "\\[": "\\]"}  # of formulas that are blocks

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
        "ins",
        "kbd",
        "li",
        "mark",
    ),
    *("ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ATTRIBUTES = {
    "a": {"href", "title", "target", "rel", "class"},
    "img": {"src", "alt", "title", "loading"},
    "ol": {"start"},
    "pre": {"tabindex"},
    **{tag: {"class"} for tag in ("li", "span", "td", "th")},
    "div": {"class", "tabindex"},
}


def _keep_attribute(tag: str, name: str, value: str) -> str | None:
    allowed = {"src": OWN_PICTURE, "href": ADDRESS}.get(name)
    return value if allowed is None or allowed.match(value) else None


_cleaner = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    attribute_filter=_keep_attribute,
    url_schemes={"http", "https", "mailto", "data"},
    link_rel=None,
)


def to_html(text: str) -> SafeString:
    """The text as HTML. The latest results are cached, except very long ones."""
    return runtime.state(RenderedTexts).html_of(text) if len(text) <= LONGEST_CACHED else _render(text)


class RenderedTexts:
    """A cache of the texts that were rendered last."""

    def __init__(self) -> None:
        self.html_of = lru_cache(maxsize=128)(_render)


def _render(text: str) -> SafeString:
    return mark_safe(_cleaner.clean(_engine().render(text)))  # noqa: S308 - it has just been sanitised


@lru_cache(maxsize=1)
def _engine() -> MarkdownIt:
    engine = MarkdownIt("js-default", {"html": True, "breaks": True, "linkify": True}, renderer_cls=_Renderer)
    inline = _Inline()
    inline.ruler, inline.ruler2 = engine.inline.ruler, engine.inline.ruler2
    engine.inline = inline
    engine.disable("html_block")
    engine.linkify = _Addresses(options={"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})  # not main.py
    engine.inline.ruler.before("escape", "formula", _inline_formula)
    engine.block.ruler.before(
        "fence", "formula", _block_formula, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    engine.core.ruler.push("arrange", _arrange)
    return engine


class _Addresses(LinkifyIt):
    """Recognizes web addresses, and ends them at Chinese punctuation: `看 https://example.com。`"""

    def match(self, text: str) -> Any:
        return super().match(FULL_STOP.sub(" ", text))

    def match_at_start(self, text: str) -> Any:
        return super().match_at_start(FULL_STOP.sub(" ", text))


class _State(StateInline):
    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        """Lets `**` open after and close before a Chinese, Japanese or Korean character, whatever it encloses.

        CommonMark asks for a space or punctuation there, which these scripts do not write: `**注意（必读）**后面`.
        """
        scanned = super().scanDelims(start, canSplitWord)
        if not canSplitWord:
            return scanned
        end = start + scanned.length
        before = self.src[start - 1] if start else " "
        after = self.src[end] if end < self.posMax else " "
        return Scanned(
            scanned.can_open or bool(CJK.match(before) and not after.isspace()),
            scanned.can_close or bool(CJK.match(after) and not before.isspace()),
            scanned.length,
        )


class _Inline(ParserInline):
    def parse(self, src: str, md: MarkdownIt, env: Any, tokens: list[Token]) -> list[Token]:
        state = _State(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def _inline_formula(state: StateInline, silent: bool) -> bool:
    for mark, (pattern, alone) in FORMULAS.items():
        if state.src.startswith(mark, state.pos):
            match = pattern.match(state.src, state.pos, state.posMax)
            if not match or not match[1].strip():
                return False
            if not silent:
                token = state.push("formula", "", 0)
                token.content, token.block = match[1].strip(), alone
            state.pos = match.end()
            return True
    return False


def _block_formula(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]].rstrip()
    closing = CLOSING.get(line[:2])
    if closing is None:
        return False
    lines, last, line = [], start, line[2:]
    while closing not in line:
        lines.append(line)
        last += 1
        if last >= end or (not state.isEmpty(last) and state.sCount[last] < state.blkIndent):
            return False
        line = state.src[state.bMarks[last] + state.tShift[last] : state.eMarks[last]].rstrip()
    if line.index(closing) != len(line) - 2:
        return False
    content = "\n".join([*lines, line[:-2]]).strip()
    if not content:
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content, token.block, token.map, token.hidden = content, True, [start, last + 1], True
    state.line = last + 1
    return True


def _arrange(state: StateCore) -> None:
    """Headings below the page's own and without gaps; task lists; alignment by class instead of by style."""
    levels: list[int] = []
    for index, token in enumerate(state.tokens):
        if token.type == "heading_open":
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


def _mark_task(item: Token, children: list[Token]) -> None:
    match = TASK.match(children[0].content) if children and children[0].type == "text" else None
    if match:
        item.attrSet("class", "task")
        children[0].content = children[0].content[4:]
        box = Token("task_box", "", 0)
        box.meta = {"done": match[1] != " "}
        children.insert(0, box)


class _Renderer(RendererHTML):
    def task_box(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        done = tokens[index].meta["done"]
        return f'<span class="task-box{" done" if done else ""}">{"☑" if done else "☐"}</span> '

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
            f'<pre tabindex="0"><code>{highlighting.highlight(code, language.lower())}</code></pre></div>\n'
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
        if OWN_PICTURE.match(source):
            return f'<img src="{escapeHtml(source)}" alt="{alt}" loading="lazy">'
        return f"{_link({'href': source, 'class': 'image-link'})}{alt or escapeHtml(source)}</a>"


def _link(attributes: Mapping[str, Any]) -> str:
    written = {name: str(attributes[name]) for name in ("href", "title", "class") if attributes.get(name)}
    shown = "".join(f' {name}="{escapeHtml(value)}"' for name, value in written.items())
    return f'<a{shown} target="_blank" rel="noopener noreferrer">'
