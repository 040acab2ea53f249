"""Tests named "every": they take their list from the code, so that a new member is tested too."""

import ast
from collections.abc import Iterator

import pytest

from tests.fixtures.process import ROOT
from tests.structure.sources import name_of, tree_of, written_here

# Lists that are written by hand, because a test beside them compares them with the code: file → that test, or why.
COMPARED = {
    "tests/providers/secrets/test_rows.py": "test_every_model_with_an_encrypted_column_and_an_address_keeps_the_rule",
    "tests/imagegen/test_every_entrance.py": "test_every_button_of_the_admin_has_its_case_here",
    "tests/chat/files/test_stores.py": "test_every_storage_provider_is_tried_here",
}
# Tests of which every case is in the name, and of which the code has no list.
WHOLE = {
    "test_the_lock_holds_every_dependency_with_its_hash": "the dependencies come from pyproject.toml, for both files",
    "test_every_text_can_be_read_on_every_surface_it_stands_on": "two themes; the texts come from the style sheets",
    "test_every_piece_is_there_before_the_next_is_sent": "the pieces are those of one response",
}
LITERALS = ast.List | ast.Tuple | ast.Set | ast.Dict


def fixtures(tree: ast.Module) -> dict[str, ast.expr]:
    """The fixtures of a module that have parameters, with these."""
    return {
        node.name: keyword.value
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.fixture"
        for keyword in decorator.keywords
        if keyword.arg == "params"
    }


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef, constants: dict[str, ast.expr]) -> Iterator[ast.expr]:
    """The values of `parametrize` for a test and its fixtures; a name of the module is replaced by its value."""
    for argument in function.args.args:
        if values := constants.get(f"fixture {argument.arg}"):
            yield constants.get(ast.unparse(values), values)
    for decorator in function.decorator_list:
        decorator = constants.get(ast.unparse(decorator), decorator)
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("parametrize"):
            values = decorator.args[1]
            yield constants.get(ast.unparse(values).removesuffix(".values()").removesuffix(".items()"), values)


def is_written_by_hand(values: ast.expr) -> bool:
    """Whether the values are a literal list with no member from elsewhere, and not just True and False."""
    if not isinstance(values, LITERALS):
        return False
    members = values.keys if isinstance(values, ast.Dict) else values.elts
    if any(member is None or isinstance(member, ast.Starred) for member in members):
        return False
    return not all(isinstance(member, ast.Constant) and isinstance(member.value, bool) for member in members)


def named_every(tree: ast.Module) -> list[str]:
    """The tests named "every" whose list of cases is a literal."""
    constants = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    constants |= {f"fixture {name}": values for name, values in fixtures(tree).items()}
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "_every_" in node.name
        if any(is_written_by_hand(values) for values in parameters(node, constants))
    ]


def test_lists_of_every_come_from_the_code():
    paths = [ROOT / path for path in written_here(".py") if path.name.startswith("test_")]
    found = {name_of(path): set(named_every(tree_of(path))) - set(WHOLE) for path in paths}
    assert {path: names for path, names in found.items() if names and path not in COMPARED} == {}


def test_the_tests_that_compare_lists_with_the_code_are_there():
    for path, name in COMPARED.items():
        assert name in {node.name for node in ast.walk(tree_of(ROOT / path)) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("values", ["['openai', 'azure']", "{'/v1/a': 1}", "WAYS", "WAYS.values()"])
def test_a_list_by_hand_fails(values):
    text = f"WAYS = {{'form': 1}}\n@pytest.mark.parametrize('way', {values})\ndef test_every_way_works(way): pass"
    assert named_every(ast.parse(text))


def test_a_fixture_with_a_list_by_hand_fails():
    fixture = "@pytest.fixture(params=['openai', 'azure'])\ndef engine(request): pass"
    assert named_every(ast.parse(f"{fixture}\ndef test_every_engine_draws(engine): pass"))


@pytest.mark.parametrize("values", ["KINDS", "KINDS.values()", "[*KINDS, 'none']", "[False, True]"])
def test_a_list_from_the_code_passes(values):
    assert (
        named_every(ast.parse(f"@pytest.mark.parametrize('way', {values})\ndef test_every_way_works(way): pass")) == []
    )
