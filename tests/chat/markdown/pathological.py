"""Texts of any length for which some Markdown parser takes quadratic time or more."""

REPEATED = [
    *("\\[\n", "\\[", "\\(", "\\( a ", "$", "$a ", "$1 ", "$\\", "$$", "$$a ", "$$\na\n", "\\]\n"),
    *("- \\[\n", "> \\[\n", "[", "[a\n", "![", "![a", "[a](", "[a](<b", "[a][", "![a][", "[^", "[]("),
    *("[[]", "](", "[a](((", "[ẞ]", "*a ", "**a ", "**x* ", "*a_ ", "_*", "_a ", "a**b", "***a ", "中**"),
    *("**中，", "~", "~~", "~~a ", "`", "```\n", "~~~\n", "    a\n", "<", "<a ", "<a b='c ", "<br", "<b>"),
    *("<!--", "<?", "<![CDATA[", "&", "&a", "&#99999;", "&quot;", "\\", "\\\\", "{", "|", "|a|b|\n", "|`"),
    *("a|b\n-|-\n", "> ", ">", "> - a\n", "- ", "1. ", "- [x] a\n", "- a\n\n", "- - -\n", "# a\n"),
    *("a\n-\n", "a\n=\n", "[a]: b\n", "[a]: ", "[a]:\n", "[a]: b 'c\n", "[a]: b\n'c\n", "[a](b 'c ", "a\n"),
    *("a  \n", "a\\\n", "\n", "\t", "https://", "https://a.b/ ", "[https://a.b/", "http://a.b/( "),
    *("<https://a", "http:", "://", "//a.b ", "mailto:a", "a@b ", " a", ".", "\0", "\r", "```js\na\n```\n"),
    *("`a` $b$ ", "$$\n```\n", "[^a]: b\n", "[^a]: \n", "[^a]: b\n\n", "[^a]\n    ", "[^a]: > - a\n"),
]


def _times(piece: str, size: int) -> str:
    return piece * (size // len(piece))


def _square(size: int) -> str:
    side = int(size**0.5)
    return "|a" * side + "|\n" + "|-" * side + "|\n" + "|\n" * side


TEXTS = {
    **{repr(piece): lambda size, piece=piece: _times(piece, size) for piece in REPEATED},
    "opened, then closed": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "opened, then links": lambda size: "[" * (size // 2) + "](a)" * (size // 8),
    "pictures in pictures": lambda size: "![" * (size // 4) + "](a)" * (size // 8),
    "opened bold, closed italics": lambda size: "*a " * (size // 6) + "b_ " * (size // 6),
    "formulas with one end": lambda size: _times("\\[\n", size) + "\\]",
    "formulas with an end in mid-line": lambda size: _times("\\[\n", size) + "\\] x",
    "formulas that leave their list": lambda size: "- \\[\n" + _times("  \\[\n", size) + "\\]",
    "formulas before code": lambda size: _times("\\( ", size) + "`a` \\)",
    "formulas in a link": lambda size: "[" + _times("\\( ", size) + "](a) \\)",
    "escaped dollars": lambda size: "$" + _times("\\$", size),
    "longer and longer code marks": lambda size: " ".join("`" * run for run in range(1, int((2 * size) ** 0.5))),
    "shorter and shorter code marks": lambda size: " ".join("`" * run for run in range(int((2 * size) ** 0.5), 0, -1)),
    "a table of empty cells": _square,
    "a wide table": lambda size: "|a" * (size // 4) + "|\n" + "|-" * (size // 4) + "|\n",
    "a quotation with lazy lines": lambda size: ">" * 30 + "a\n" + _times("b\n", size),
    "a list with lazy lines": lambda size: "- " * 30 + "a\n" + _times("b\n", size),
    "deep lists": lambda size: "\n".join("  " * level + "- a" for level in range(int(size**0.5))),
    "a title without an end": lambda size: "[a]: b '" + _times("c\n", size),
    "references": lambda size: "".join(f"[a{number}]: b\n" for number in range(size // 8)),
    "a reference that is used often": lambda size: "[a]: b\n\n" + _times("[a]", size),
    "footnotes": lambda size: "".join(f"[^{n}]: a[^{n}]\n" for n in range(size // 12)),
    "a footnote that is used often": lambda size: "[^a]: b\n\n" + _times("[^a]", size),
    "references to one footnote in labels": lambda size: "[^a]: b\n\n" + _times("[[^a]", size),
    "code without an end": lambda size: "```html\n" + _times("<a ", size),
}
