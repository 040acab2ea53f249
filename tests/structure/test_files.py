"""Folders and files: their number, length and names, and the content of each `__init__`."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.fixtures.process import ROOT
from tests.structure.sources import SOURCES, name_of, tree_of, written_here

MOST_FILES = 20  # of a folder
MOST_LINES = 600
CODE = (".py", ".js", ".mjs", ".css", ".html")
VAGUE = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "managers"}

# folder: (first words that several files have there, why)
FAMILIES = {
    "templates": ({"403"}, "Django looks for these names"),
    "templates/account": ({"password", "signup"}, "django-allauth looks for these names"),
}


def test_no_folder_has_more_than_twenty_files():
    files = Counter(path.parent.as_posix() for path in written_here() if path.parent.name != "migrations")
    assert [(folder, count) for folder, count in files.items() if count > MOST_FILES] == []


def test_no_file_of_code_is_longer_than_six_hundred_lines():
    long = [path for path in written_here(*CODE) if (ROOT / path).read_text(encoding="utf-8").count("\n") > MOST_LINES]
    assert [path.as_posix() for path in long] == []


def test_no_line_of_a_template_is_longer_than_120_characters():
    lines = [(path, line) for path in written_here(".html", ".txt") for line in (ROOT / path).read_text().splitlines()]
    assert [(str(path), line) for path, line in lines if path.parts[0] == "templates" and len(line) > 120] == []


def test_no_file_is_named_after_nothing():
    assert [name_of(path) for path in SOURCES if path.stem in VAGUE] == []


# --- a second file of one prefix makes a folder, or has a better name -------------------------------------------------


def first_word(path: Path) -> str:
    """The start of a file's name: `test_<noun>_<rest>.py` → test noun; "" for a library's private names."""
    stem = path.stem.replace("-", "_")
    if stem.startswith("test_"):
        return "test " + stem.split("_")[1]
    if stem.startswith("_") and path.suffix == ".py":
        return ""
    return stem.strip("_").split("_")[0]


def families(paths: Iterable[Path]) -> dict[str, dict[str, list[str]]]:
    """Folder → first word → the files that share it."""
    named: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for path in paths:
        if word := first_word(path):
            named[path.parent.as_posix(), path.suffix, word].append(path.name)
    found: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
    for (folder, _suffix, word), names in named.items():
        if len(names) > 1 and not folder.endswith("/migrations"):
            found[folder][word] = sorted(names)
    return found


def test_files_of_one_prefix_have_a_folder():
    found = families(written_here(*CODE))
    allowed = {folder: words for folder, (words, _why) in FAMILIES.items()}
    assert {folder: set(words) for folder, words in found.items()} == allowed


@pytest.mark.parametrize(
    "names",
    [("prompt.py", "prompt_api.py"), ("test_openai.py", "test_openai_errors.py"), ("gallery.js", "gallery-view.js")],
)
def test_two_files_of_one_prefix_fail(names):
    assert families(Path("chat") / name for name in names)


@pytest.mark.parametrize(
    "names",
    [("daphne_server.py", "_daphne_private.py"), ("prompt.py", "test_prompt.py"), ("model_lists.py", "models.py")],
)
def test_files_that_share_no_prefix_pass(names):
    assert families(Path("chat") / name for name in names) == {}


# --- __init__ holds names only ----------------------------------------------------------------------------------------


def code_in(tree: ast.Module) -> list[str]:
    """The code of a module besides its docstring, imports and `__all__`."""
    return [ast.unparse(node).split("\n")[0] for node in tree.body if not is_face(node)]


def is_face(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return [ast.unparse(target) for target in node.targets] == ["__all__"]
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_docstring or isinstance(node, ast.Import | ast.ImportFrom)


def test_packages_hold_names_only():
    files = [ROOT / path for path in written_here(".py") if path.name == "__init__.py"]
    assert {name_of(path): code for path in files if (code := code_in(tree_of(path)))} == {}


@pytest.mark.parametrize("text", ["def verb():\n    pass", "TABLE = {}", "class Kind:\n    pass", "if True:\n    pass"])
def test_code_in_a_package_fails(text):
    assert code_in(ast.parse(f'"""A package."""\n\nfrom chat import models\n\n{text}\n'))
