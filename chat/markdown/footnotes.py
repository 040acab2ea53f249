"""Footnotes: `[^1]` in the text, and `[^1]: the note` at the beginning of a line, as GitHub has them.

Notes are numbered in the order of their references and stand at the end of the text; those that nothing refers to are
the last. Ids contain `env["prefix"]`, so that two texts of one page do not share any.
static/js/chat/markdown/footnotes.js holds the same rules.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

REFERENCE = re.compile(r"\[\^([^ \t\n\r\[\]]{1,100})\]")
DEFINITION = re.compile(REFERENCE.pattern + r":[ \t]*")
INDENT = 4  # columns, of the further lines of a note
ID = re.compile(r"fn(?:ref)?-[\w-]+", re.ASCII)


@dataclass(slots=True)
class Notes:
    """The footnotes of one text, by label: those that are defined, and the numbers of those that are referred to."""

    defined: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)


def set_up(engine: MarkdownIt) -> None:
    """Add the rules to the engine. Call this before the parsers of the engine are replaced."""
    ended = ["paragraph", "reference", "blockquote", "list"]
    engine.block.ruler.before("reference", "footnote", _define, {"alt": ended})
    engine.inline.ruler.before("link", "footnote", _refer)
    engine.core.ruler.push("footnotes", _move_to_the_end)


def _define(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    # A list or a quotation cannot hold a definition. A definition that is indented less than the list ends the list.
    if state.is_code_block(start) or (state.level > 0 and not (silent and state.sCount[start] < state.blkIndent)):
        return False
    begin = state.bMarks[start] + state.tShift[start]
    match = DEFINITION.match(state.src, begin, state.eMarks[start])
    if match is None or silent:
        return match is not None
    notes: Notes = state.env.setdefault("notes", Notes())
    notes.defined.add(match[1])
    state.push("footnote_open", "", 1).info = match[1]
    before = state.bMarks[start], state.tShift[start], state.sCount[start]
    state.blkIndent += INDENT
    state.bMarks[start], state.tShift[start], state.sCount[start] = match.end(), 0, state.blkIndent
    state.md.block.tokenize(state, start, end)
    state.blkIndent -= INDENT
    state.bMarks[start], state.tShift[start], state.sCount[start] = before
    state.push("footnote_close", "", -1)
    return True


def _refer(state: StateInline, silent: bool) -> bool:
    notes: Notes | None = state.env.get("notes")
    if notes is None or state.linkLevel > 0 or not state.src.startswith("[^", state.pos):
        return False
    match = REFERENCE.match(state.src, state.pos, state.posMax)
    if match is None or match[1] not in notes.defined:
        return False
    if not silent:
        label = match[1]
        notes.times[label] += 1
        number = notes.numbers.setdefault(label, len(notes.numbers) + 1)
        state.push("footnote_reference", "", 0).meta = {"number": number, "time": notes.times[label]}
    state.pos = match.end()
    return True


def _move_to_the_end(state: StateCore) -> None:
    notes = cast("Notes | None", state.env.get("notes"))
    if notes is None:
        return
    text: list[Token] = []
    contents: dict[str, list[Token]] = {}
    target = text
    for token in state.tokens:
        if token.type == "footnote_open":
            target = contents.setdefault(token.info, [])
        elif token.type == "footnote_close":
            target = text
        else:
            target.append(token)
    for label in contents:
        notes.numbers.setdefault(label, len(notes.numbers) + 1)
    opening = Token("footnotes_open", "", 1, map=[0, state.src.count("\n") + 1])
    numbered = sorted(contents.items(), key=lambda item: notes.numbers[item[0]])
    listed = [token for label, tokens in numbered for token in _note(tokens, notes.numbers[label], notes.times[label])]
    state.tokens = [*text, opening, *listed, Token("footnotes_close", "", -1)]


def _note(tokens: list[Token], number: int, times: int) -> list[Token]:
    """A note as a list item, with its back links at the end of the last paragraph."""
    opening = Token("footnote_open", "", 1, level=1, meta={"number": number})
    backs = [Token("footnote_back", "", 0, level=2, meta={"number": number, "time": time + 1}) for time in range(times)]
    ending = [tokens.pop()] if tokens and tokens[-1].type == "paragraph_close" else []
    return [opening, *tokens, *backs, *ending, Token("footnote_close", "", -1, level=1)]


class FootnoteRules:
    """The renderer's rules for footnotes."""

    def footnotes_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return '<div class="footnotes"><ol>\n'

    def footnotes_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</ol></div>\n"

    def footnote_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return f'<li id="{_note_id(tokens[index], env)}" tabindex="-1">'

    def footnote_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</li>\n"

    def footnote_reference(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        note, reference = _note_id(tokens[index], env), _reference_id(tokens[index], env)
        number = tokens[index].meta["number"]
        return f'<sup><a class="footnote" href="#{note}" id="{reference}" role="doc-noteref">{number}</a></sup>'

    def footnote_back(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return f' <a class="footnote-back" href="#{_reference_id(tokens[index], env)}" role="doc-backlink">↩</a>'


def _note_id(token: Token, env: Any) -> str:
    return f"fn-{env['prefix']}{token.meta['number']}"


def _reference_id(token: Token, env: Any) -> str:
    time = token.meta["time"]
    return f"fnref-{env['prefix']}{token.meta['number']}" + (f"-{time}" if time > 1 else "")
