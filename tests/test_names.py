"""A class name means one thing in the whole product."""

import ast
from collections import defaultdict
from pathlib import Path

from tests.fixtures.process import ROOT

APPS = ("providers", "chat", "imagegen", "webui")
# Names that Django or Django REST framework give: each model, migration and command has its own.
GIVEN = {"Meta", "Migration", "Command"}
WAITING = {"ChatList", "Turn"}  # not renamed yet


def classes(app: str) -> list[tuple[str, Path]]:
    """Every class of an app, those inside other classes too, with its file."""
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
    assert {name: paths for name, paths in files.items() if len(paths) > 1 and name not in WAITING} == {}
