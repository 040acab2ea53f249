"""Source code → HTML, in the class names that the browser's highlighter uses too, so one style sheet colours both."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from markdown_it.common.utils import escapeHtml
from pygments import lexers
from pygments.lexer import Lexer
from pygments.token import Token
from pygments.util import ClassNotFound

LONGEST = 60_000  # characters; longer code is not highlighted: some lexers get slow

# Pygments' token types, most general first; a type without an entry has its parent's class.
CLASSES: dict[Any, str] = {
    Token.Comment: "comment",
    Token.Comment.Preproc: "meta",
    Token.Keyword: "keyword",
    Token.Keyword.Constant: "literal",
    Token.Keyword.Type: "type",
    Token.Literal.Date: "string",
    Token.Literal.Number: "number",
    Token.Literal.String: "string",
    Token.Literal.String.Interpol: "subst",
    Token.Name.Attribute: "attr",
    Token.Name.Builtin: "built_in",
    Token.Name.Builtin.Pseudo: "literal",
    Token.Name.Class: "title",
    Token.Name.Decorator: "meta",
    Token.Name.Exception: "type",
    Token.Name.Function: "title",
    Token.Name.Tag: "name",
    Token.Operator.Word: "keyword",
    Token.Generic.Deleted: "deletion",
    Token.Generic.Inserted: "addition",
    Token.Generic.Heading: "section",
    Token.Generic.Subheading: "section",
    Token.Generic.Prompt: "meta",
}


def highlight(code: str, language: str) -> str:
    """The code as escaped HTML; plain when the language is unknown."""
    lexer = _lexer_for(language)
    if lexer is None or len(code) > LONGEST:
        return escapeHtml(code)
    pieces = ((_class_of(kind), text) for kind, text in lexer.get_tokens(code))
    return "".join(_spans(pieces))


def _lexer_for(language: str) -> Lexer | None:
    try:
        return lexers.get_lexer_by_name(language, stripnl=False, ensurenl=False) if language else None
    except ClassNotFound:
        return None


def _class_of(kind: Any) -> str:
    step = kind
    while step is not None:
        if step in CLASSES:
            return CLASSES[step]
        step = step.parent
    return ""


def _spans(pieces: Iterator[tuple[str, str]]) -> Iterator[str]:
    for name, run in groupby(pieces, key=lambda piece: piece[0]):
        text = escapeHtml("".join(part for _, part in run))
        yield f'<span class="hljs-{name}">{text}</span>' if name else text
