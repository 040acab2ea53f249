"""References in pages and comments: the files, modules, links and headings that they name exist."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt

from tests.fixtures.process import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Folders without code of ours; those whose names begin with a dot have none either.
NOT_OURS = {"data", "staticfiles", "node_modules", "vendor", "__pycache__"}
CODE = {".py", ".js", ".css", ".html", ".json", ".toml", ".yaml", ".yml", ".conf", ".sh"}
FILE = re.compile(
    r"[\w.-]+(?:/[\w.-]+)+\.(?:py|md|js|css|html|json|toml|lock|ya?ml|conf|sh|po|mo|txt|png|svg)|\.[\w.-]+/[\w.-]+\.\w+"
)
CITED = re.compile(r"(?<![\w./-])(docs/[\w./-]*\w\.\w+)`?((?:(?:,| and) “[^”]+”)*)")
APP_FILE = re.compile(
    r"(?<![\w./<>{}*-])((?:benchmarks|chat|deploy|imagegen|providers|static|templates|tests|webui)/[\w./-]*\w\.[a-z]+)\b"
)
PYTHON_FILE = re.compile(r"(?<![\w./<>{}*~-])\w+\.py\b(?!/)")  # a bare name, of a file in any folder
MODULE = re.compile(r"`((?:chat|imagegen|providers|tests|webui)(?:\.(?!json\b|md\b)[A-Za-z_]\w*)+)[^`]*`")
# Sources that nobody has: numbers of rules, and the folder in which they once stood.
UNKNOWN_SOURCE = re.compile(r"(?<![\w-])(?<!noqa: )[BPRV]\d{1,3}(?![\w%])|\bcontracts?/")
COMMENT = {
    ".js": re.compile(r"/\*.*?\*/|(?<![:\w])//[^\n]*", re.DOTALL),
    ".css": re.compile(r"/\*.*?\*/", re.DOTALL),
    ".html": re.compile(r"\{#.*?#\}|<!--.*?-->|\{% comment.*?endcomment %\}", re.DOTALL),
    ".json": re.compile(r'"(?:source|comment|note)s?": *"[^"]*"'),
}
HASH_COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#[^\n]*")  # of every other file
LINE_END = re.compile(r"\n[ \t]*(?:#|//|\*)?[ \t]*")  # with the mark of a comment that goes on in the next line
DOCS = "docs"  # in examples of what is not there, which would be found as citations otherwise
LONGEST = 120  # characters of a line of prose


def headings(page: Path) -> list[str]:
    """The texts of a page's headings, in order."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    return [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]


@cache
def anchors(page: Path) -> set[str]:
    """The fragments by which links reach the headings of a page, as repository hosts make them."""
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings(page)}


def named(text: str) -> Iterator[str]:
    """The targets that a page names: of links and images, and files in backticks from the root."""
    for block in MarkdownIt().enable("table").parse(text):
        for token in block.children or ():
            if token.type in ("link_open", "image"):
                yield str(token.attrGet("href") or token.attrGet("src") or "")
            elif token.type == "code_inline":
                yield from (f"/{word}" for word in token.content.split() if FILE.fullmatch(word))


def missing_in_page(text: str, page: Path) -> list[str]:
    """The relative links and the files in backticks of a page that lead nowhere, and its citations that do."""
    found = []
    for target in named(text):
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        path = unquote(parts.path)
        file = ROOT / path[1:] if path.startswith("/") else page.parent / path if path else page
        if not file.exists() or (parts.fragment and parts.fragment not in anchors(file.resolve())):
            found.append(target)
    return [*found, *missing_citations(text)]


def missing_citations(text: str) -> list[str]:
    """Paths below `docs`, alone or with headings in quotes behind a comma, that are not there."""
    found = []
    for path, quoted in CITED.findall(LINE_END.sub(" ", text)):
        if not (ROOT / path).is_file():
            found.append(path)
            continue
        known = headings(ROOT / path) if quoted else []
        found += [f"{path}, “{heading}”" for heading in re.findall("“([^”]+)”", quoted) if heading not in known]
    return found


def code_files() -> Iterator[Path]:
    """The files of ours that may have comments."""
    yield from (ROOT / name for name in ("Makefile", ".env.example", "deploy/Dockerfile"))
    waiting = [ROOT]
    while waiting:
        for path in waiting.pop().iterdir():
            if path.is_dir() and not path.name.startswith(".") and path.name not in NOT_OURS:
                waiting.append(path)
            elif path.suffix in CODE and path.is_file():
                yield path


def comments(path: Path) -> str:
    """The comments of a file, and the docstrings where it is Python."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return "\n".join(match[0] for match in COMMENT.get(path.suffix, HASH_COMMENT).finditer(text))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, documented))
    return "\n".join(
        [
            *(token.string for token in tokens if token.type == tokenize.COMMENT),
            *(text for node in nodes if (text := ast.get_docstring(node))),
        ]
    )


@cache
def python_files() -> frozenset[str]:
    """The names of our Python files, without their folders."""
    return frozenset(path.name for path in code_files() if path.suffix == ".py")


@cache
def is_here(dotted: str) -> bool:
    """Whether a dotted name is a module of ours, or a name that a module of ours mentions."""
    path = ROOT
    names = dotted.split(".")
    while names and (path / names[0]).is_dir():
        path /= names.pop(0)
    if names and (path / f"{names[0]}.py").is_file():
        path /= f"{names.pop(0)}.py"
    elif names:
        path /= "__init__.py"
    text = path.read_text(encoding="utf-8") if names and path.is_file() else ""
    return all(re.search(rf"\b{name}\b", text) for name in names)


def unknown_sources(text: str) -> list[str]:
    """The citations of comments that do not exist: numbers of rules, files and modules of ours."""
    files = [path for path in APP_FILE.findall(text) if not (ROOT / path).exists()]
    names = [name for name in PYTHON_FILE.findall(text) if name not in python_files()]
    return [
        *UNKNOWN_SOURCE.findall(text),
        *files,
        *names,
        *(name for name in MODULE.findall(text) if not is_here(name)),
    ]


def prose(text: str) -> Iterator[str]:
    """The lines of a page without code and tables."""
    in_code = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code and not line.startswith("|"):
            yield line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page):
    assert missing_in_page(page.read_text(encoding="utf-8"), page) == []


def test_what_the_code_cites_below_docs_is_there():
    wrong = {path: found for path in code_files() if (found := missing_citations(path.read_text(encoding="utf-8")))}
    assert wrong == {}


def test_comments_cite_only_what_a_reader_can_open():
    wrong = {path: cited for path in code_files() if (cited := unknown_sources(comments(path)))}
    assert wrong == {}


@pytest.mark.parametrize(
    "text",
    [
        "as it always was (R53)",
        "R65–R78",
        "see V14: both",
        f"{'contract'}s/openai.md",
        "`providers/no_such_file.py`",
        "Errors: no_such_file.py.",
        "see `providers.no_such_module`",
        "see `providers.http.no_such_name`",
    ],
)
def test_a_comment_that_cites_what_nobody_has_fails(text):
    assert unknown_sources(text)


@pytest.mark.parametrize(
    "text",
    [
        "RFC 9110",
        "UTF-8",
        "`providers/<name>.py`",
        "`providers/fields.py`, fields.py",
        "https://x.org/chat/no.html",
        "`chat.models`",
    ],
)
def test_a_comment_that_cites_what_is_there_passes(text):
    assert unknown_sources(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "See [the guide](no-such-page.md).",
        f"![A chat]({DOCS}/no-such-image.png)",
        "See [errors](docs/upstreams/openai.md#no-such-heading) and [below](#no-such-heading).",
        "The table is `providers/no_such_file.py`.",
        f"As in `{DOCS}/upstreams/openai.md`, “No such heading”.",
        "| file |\n| --- |\n| `imagegen/engines/no_such_file.json` |",
    ],
)
def test_a_page_that_names_what_is_not_there_fails(text):
    assert missing_in_page(text, ROOT / "README.md")


@pytest.mark.parametrize(
    "text",
    [
        "See [the tests](tests/structure/test_docs.py), [errors](docs/upstreams/openai.md#errors), <https://example.org/docs/a.md>",
        "`imagegen/engines/models.json`, `text/event-stream`, `POST /images/edits`, `test_<name>.py`, `/openapi.json`",
        "As in `docs/upstreams/openai.md`, “Errors” and “Chat stream”.",
    ],
)
def test_a_page_that_names_what_is_there_passes(text):
    assert missing_in_page(text, ROOT / "README.md") == []


def test_a_citation_may_go_on_in_the_next_line_of_a_comment():
    page = f"{DOCS}/upstreams/openai.md"
    comment = f"# {page},\n    # “Chat stream” and “Tool\n    # callings”"
    assert missing_citations(comment) == [f"{page}, “Tool callings”"]
    assert missing_citations(f"# {DOCS}/upstreams/nobody.md") == [f"{DOCS}/upstreams/nobody.md"]


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_of_prose_fit_a_screen(page):
    assert [line for line in prose(page.read_text(encoding="utf-8")) if len(line) > LONGEST] == []


def test_every_command_of_ours_is_described():
    commands = {path.stem for path in ROOT.glob("*/management/commands/*.py") if not path.stem.startswith("_")}
    described = (ROOT / "README.md").read_text(encoding="utf-8")
    assert commands
    assert sorted(name for name in commands if not re.search(rf"`(?:[^`]* )?{name}\b", described)) == []
