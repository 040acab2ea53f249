"""The two parsers of markdown-it with a budget, and what each keeps of the text it parses.

`env` is the mapping that goes through one rendering; its member `budget` pays for it.
"""

from functools import cached_property
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.parser_block import ParserBlock
from markdown_it.parser_inline import ParserInline
from markdown_it.ruler import Ruler
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token

from chat.markdown import emphasis
from chat.markdown.budget import CHARACTERS_PER_STEP
from chat.markdown.formulas import BlockMarks, InlineMarks


class InlineState(StateInline):
    """Inline state: each token and each character of look-ahead costs a step of the budget."""

    @cached_property
    def formula_marks(self) -> InlineMarks:
        return InlineMarks(self.src)

    def push(self, ttype: str, tag: str, nesting: Any) -> Token:
        self.env["budget"].spend()
        return super().push(ttype, tag, nesting)

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        return emphasis.scan_delimiters(self, start, canSplitWord)


class InlineParser(ParserInline):
    def __init__(self, rules: ParserInline) -> None:
        super().__init__()
        self.ruler, self.ruler2 = rules.ruler, rules.ruler2

    def parse(self, src: str, md: MarkdownIt, env: Any, tokens: list[Token]) -> list[Token]:
        env["budget"].spend(1 + len(src) // CHARACTERS_PER_STEP)
        state = InlineState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens

    def skipToken(self, state: StateInline) -> None:
        state.env["budget"].spend()
        super().skipToken(state)


class BlockState(StateBlock):
    """Block state: each token costs a step of the budget."""

    @cached_property
    def formula_marks(self) -> BlockMarks:
        return BlockMarks(self)

    def push(self, ttype: str, tag: str, nesting: Any) -> Token:
        self.env["budget"].spend()
        return super().push(ttype, tag, nesting)


class BlockParser(ParserBlock):
    """Block parser: each rule tried at a line costs a step. Rules that search for their end try others at each line."""

    def __init__(self, rules: ParserBlock) -> None:
        super().__init__()
        self.ruler = Ruler()
        for rule in rules.ruler.__rules__:
            self.ruler.push(rule.name, _counted(rule.fn), {"alt": rule.alt})
        self.ruler.enableOnly(rules.ruler.get_active_rules())

    def parse(self, src: str, md: MarkdownIt, env: Any, outTokens: list[Token]) -> list[Token] | None:
        if not src:
            return None
        state = BlockState(src, md, env, outTokens)
        self.tokenize(state, state.line, state.lineMax)
        return state.tokens


def _counted(rule: Any) -> Any:
    def counted(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        state.env["budget"].spend()
        return bool(rule(state, start, end, silent))

    return counted
