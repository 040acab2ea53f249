"""Tables: only a table's own package compares the names of its rows."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from chat.pipeline import handlers
from chat.tools import tools
from imagegen.engines import ENGINES
from providers import auth
from providers.process import storage_providers
from providers.relay.operations import OPERATIONS
from providers.upstream import kinds
from tests.fixtures.process import ROOT
from tests.structure.sources import SOURCES, name_of, tree_of, written_here


@dataclass(frozen=True)
class Table:
    names: frozenset[str]
    owners: tuple[str, ...]  # beginnings of the paths that may compare the names
    about: str = ""  # what an expression mentions that is about this table; empty where the names say so themselves


OPTIONS = frozenset(field.name for engine in ENGINES.values() for field in engine.fields)
TABLES = {
    "kinds of connection": Table(
        # A picture engine may have the name of a kind, and an option with one.
        frozenset(kinds.KINDS) - set(ENGINES) - OPTIONS | {host for row in kinds.KINDS.values() for host in row.hosts},
        ("providers/upstream/kinds.py",),
    ),
    "kinds that engines are named like": Table(
        frozenset(kinds.KINDS), ("providers/upstream/kinds.py", "providers/process/storage_providers.py", "imagegen/")
    ),
    "auth types": Table(frozenset(auth.AUTH_TYPES), ("providers/auth/",), about=r"auth_type"),
    "engines": Table(
        frozenset(ENGINES), ("imagegen/engines/", "providers/upstream/kinds.py"), about=r"(?i)kind|engine|name"
    ),
    "operations": Table(frozenset(OPERATIONS), ("providers/relay/operations.py",), about=r"operation"),
    "storage providers": Table(
        frozenset(storage_providers.PROVIDERS), ("providers/process/storage_providers.py",), about=r"(?i)storage"
    ),
    "handlers and tools": Table(
        frozenset(row.name for row in (*handlers(), *tools())), (), about=r"handler|tool|feature|toggle"
    ),
}
LOOKUPS = {"get", "startswith", "endswith"}
# In a template, a script, or a condition for one: `kind == "azure"`
IN_A_TEXT = re.compile(r"(?:kind|auth_type|engine|operation)\s*[!=]==?\s*(['\"])([\w.-]+)\1")


def texts_in(*nodes: ast.AST) -> set[str]:
    constants = (node for root in nodes for node in ast.walk(root) if isinstance(node, ast.Constant))
    return {node.value for node in constants if type(node.value) is str}


def decisions(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """The expressions that are compared with texts, or looked up by a text, and these texts."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare():
                yield ast.unparse(node), texts_in(node)
            case ast.Match():
                for case in node.cases:
                    yield ast.unparse(node.subject), texts_in(case.pattern)
            case ast.Subscript():
                yield ast.unparse(node), texts_in(node.slice)
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in LOOKUPS:
                yield ast.unparse(node), texts_in(*node.args)


def compared(tree: ast.Module, path: str) -> list[str]:
    """The expressions of a file that compare a name of a table which another package owns."""
    tables = [table for table in TABLES.values() if not path.startswith(table.owners)]
    return [
        f"{path}: {expression}"
        for expression, texts in decisions(tree)
        if any(texts & table.names and re.search(table.about, expression) for table in tables)
    ]


def compared_in_text(text: str) -> list[str]:
    names = frozenset().union(*(table.names for table in TABLES.values()))
    return [match[0] for match in IN_A_TEXT.finditer(text) if match[2] in names]


def test_nobody_else_compares_the_name_of_a_row():
    found = [expression for path in SOURCES for expression in compared(tree_of(path), name_of(path))]
    assert found == []


def test_no_template_and_no_script_compares_the_name_of_a_row():
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in written_here(".html", ".js", ".py")}
    found = {path.as_posix(): names for path, text in texts.items() if (names := compared_in_text(text))}
    assert {path: names for path, names in found.items() if not path.startswith("tests/")} == {}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("imagegen/pages/views.py", "kind == 'gemini'"),
        ("imagegen/pages/views.py", "if row.kind in ('comfyui', 'automatic1111'): pass"),
        ("chat/api.py", "connection.kind != 'openai'"),
        ("webui/checks.py", "match row.kind:\n    case 'azure': pass"),
        ("providers/config/form.py", "{'bearer': 1}[row.auth_type] if row.auth_type == 'bearer' else 0"),
        ("providers/relay/calls.py", "request.operation == 'speech'"),
        ("webui/checks.py", "settings.STORAGE_PROVIDER == 's3'"),
    ],
)
def test_a_comparison_outside_its_table_fails(path, code):
    assert compared(ast.parse(code), path)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("imagegen/engines/openai.py", "kind == 'openai'"),
        ("providers/upstream/kinds.py", "'azure' in row.kind"),
        ("providers/authentication.py", "scheme.lower() == 'bearer'"),
        ("providers/upstream/headers.py", "rule == 'none'"),
    ],
)
def test_a_comparison_within_its_table_or_of_something_else_passes(path, code):
    assert compared(ast.parse(code), path) == []


@pytest.mark.parametrize("text", ['{% if engine.kind == "placeholder" %}', "if (kind === 'azure') {"])
def test_a_comparison_in_a_template_or_a_script_fails(text):
    assert compared_in_text(text)
