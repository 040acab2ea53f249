"""The files of this repository, as the structure tests read them."""

import ast
from functools import cache
from pathlib import Path

from tests.fixtures.process import ROOT

ROOMS = ("webui", "imagegen", "chat", "providers")
FOLDERS = (*ROOMS, "templates", "static", "tests", "benchmarks", "deploy", "docs")
SOURCES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if "migrations" not in path.parts]
NOT_OURS = {"vendor", "node_modules", "__pycache__"}


def name_of(path: Path) -> str:
    """A file's path from the root."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def written_here(*suffixes: str) -> list[Path]:
    """The files of ours with one of these suffixes (without any: all files), as paths from the root."""
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    paths += [path for path in ROOT.iterdir() if path.is_file() and not path.name.startswith(".")]
    ours = (path.relative_to(ROOT) for path in paths if not suffixes or path.suffix in suffixes)
    return [path for path in ours if not NOT_OURS & set(path.parts) and not path.name.startswith(".")]
