"""Names and imports: unique class names, no filler words, and reasons for imports inside functions."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.process import ROOT

APPS = ("providers", "chat", "imagegen", "webui")
# Names that Django or Django REST framework give: each model, migration and command has its own.
GIVEN = {"Meta", "Migration", "Command"}


def classes(app: str) -> list[tuple[str, Path]]:
    """The classes of an app, nested ones too, with their files."""
    return [
        (node.name, path.relative_to(ROOT))
        for path in sorted((ROOT / app).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name not in GIVEN
    ]


def test_every_class_name_is_unique_over_the_four_apps():
    files: defaultdict[str, list[str]] = defaultdict(list)
    for app in APPS:
        for name, path in classes(app):
            files[name].append(str(path))
    assert len(files) > 500
    assert {name: paths for name, paths in files.items() if len(paths) > 1} == {}


# --- fillers ---

FILLERS = {"found", "one", "said", "told", "kept", "place", "places", "thing", "things", "stuff"}
_ANY = "|".join(sorted(FILLERS))
# Declarations, destructured ones too; the parameters of functions and of arrow functions.
IN_SCRIPTS = re.compile(
    rf"\b(?:const|let|var)\s+(?:[\[{{][^=;]*?(?<![.\w]))?({_ANY})\b(?!\s*:)"
    rf"|\bfunction\s+({_ANY})\b"
    rf"|\bfunction\b[^()]*\([^()]*?(?<![.\w])({_ANY})\b(?=[^()]*\)\s*\{{)"
    rf"|\((?:[^()]*[\s,\[{{])?({_ANY})\b(?!\s*:)(?=[^()]*\)\s*=>)"
    rf"|(?<![.\w])({_ANY})\s*=>"
)
IN_TEMPLATES = re.compile(
    rf"\{{\{{\s*({_ANY})\b|\{{%\s*for\s+(?:\w+,\s*)?({_ANY})\b|\{{%[^%]*\b(?:as\s+|with\s+(?:[^%]*\s)?)({_ANY})(?:=|\s*%\}})"
)


def bound_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The names that a module binds, with their lines."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno


def fillers(text: str) -> list[str]:
    names = bound_names(ast.parse(text))
    return [f"{name} (line {line})" for name, line in names if name.strip("_").lower() in FILLERS]


def test_no_name_in_the_code_says_only_that_something_is_there():
    named = {str(path.relative_to(ROOT)): fillers(path.read_text(encoding="utf-8")) for path in modules()}
    for folder, suffix, pattern in (("static/js", "js", IN_SCRIPTS), ("templates", "html", IN_TEMPLATES)):
        for path in sorted((ROOT / folder).rglob(f"*.{suffix}")):
            matches = pattern.finditer(path.read_text(encoding="utf-8"))
            named[str(path.relative_to(ROOT))] = [match[0] for match in matches]
    assert {name: places for name, places in named.items() if places} == {}


@pytest.mark.parametrize(
    "body", ["found = 1", "def _kept(): ...", "lambda one: one", "self.told = 2", "class Place: ..."]
)
def test_a_filler_as_a_name_fails(body):
    assert len(fillers(body)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "const found = 1;",
        "const { id, kept } = row;",
        "list.map(one => one.id)",
        "list.sort((one, other) => 0)",
        "list.sort(([one], [other]) => 0)",
        "list.map(({ told }) => 0)",
        "function draw(place) {}",
    ],
)
def test_a_filler_as_a_name_in_a_script_fails(text):
    assert IN_SCRIPTS.search(text)


@pytest.mark.parametrize("text", ["call(one.id, () => 0)", "for (const row of kept) {}", "({ kept: row }) => row"])
def test_a_filler_that_names_nothing_new_passes(text):
    assert not IN_SCRIPTS.search(text)


@pytest.mark.parametrize(
    "text", ["{{ told }}", "{% for one in rows %}", '{% url "x" as place %}', "{% include 'a.html' with kept=1 %}"]
)
def test_a_filler_as_a_variable_of_a_template_fails(text):
    assert IN_TEMPLATES.search(text)


# --- imports ----------------------------------------------------------------------------------------------------------

FOR_TOOLS = re.compile(r"noqa(?:: [A-Z0-9, ]+(?=\s|$))?|type: ignore(?:\[[\w, -]+\])?")


def local_imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of our own code inside functions."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    for node in {node for function in functions for node in ast.walk(function)}:
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        if any(module.partition(".")[0] in APPS for module in modules):
            yield node


def has_reason(lines: list[str], row: int) -> bool:
    """Whether the import at this row (from 0) has a comment behind it, or above it and imports next to it."""
    _code, _mark, comment = lines[row].partition("#")
    if FOR_TOOLS.sub("", comment).strip("# "):
        return True
    while row and lines[row - 1].lstrip().startswith(("import ", "from ")):
        row -= 1
    return row > 0 and lines[row - 1].lstrip().startswith("#")


def unexplained(text: str) -> list[str]:
    lines = text.splitlines()
    rows = sorted(node.lineno - 1 for node in local_imports(ast.parse(text)))
    return [lines[row].strip() for row in rows if not has_reason(lines, row)]


def modules() -> Iterator[Path]:
    for app in APPS:
        yield from sorted((ROOT / app).rglob("*.py"))


def test_imports_inside_functions_have_their_reasons():
    found = {str(path.relative_to(ROOT)): unexplained(path.read_text(encoding="utf-8")) for path in modules()}
    assert {name: imports for name, imports in found.items() if imports} == {}


@pytest.mark.parametrize(
    "body",
    [
        "from providers import models",
        "import chat.models  # noqa: F401",
        "x = 1\n    from webui import env\n    from webui import tables",
        "async def inner():\n        from imagegen import jobs",
    ],
)
def test_an_import_without_a_reason_fails(body):
    assert unexplained(f"def function():\n    {body}\n")


@pytest.mark.parametrize(
    "body",
    [
        "from providers import models  # late: apps are not ready before",
        "import chat.models  # noqa: F401  models exist from here on",
        "# Late: it loads Pillow.\n    from webui import env\n    from webui import tables",
        "from redis import Redis",
    ],
)
def test_an_import_with_a_reason_or_of_a_library_passes(body):
    assert unexplained(f"def function():\n    {body}\n") == []
