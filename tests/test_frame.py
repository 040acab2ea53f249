"""Files of the repository's root: the list of variables, the lock files, the Makefile."""

import ast
import re
import tomllib

import pytest

from providers.process.storage_providers import PROVIDERS
from tests import env_example
from tests.fixtures.process import ROOT

# Read under another name or only as a file's name; they stand in no settings line of their own.
READERS = {"text", "flag", "whole", "seconds", "items", "json", "database", "is_set"}
READERS |= {"days", "hours", "span", "email", "checked", "one_of", "origin", "time_zone"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def variables_read() -> set[str]:
    """The names that the settings read from the environment: those of this process, and those in the source."""
    from webui.env import env

    found = set(env.names)
    for node in ast.walk(ast.parse((ROOT / "webui/settings.py").read_text())):
        is_read = (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "env"
            and node.func.attr in READERS
        )
        if is_read and node.args and isinstance(node.args[0], ast.Constant):
            found.add(node.args[0].value)
    return found | {"STORAGE_PROVIDER"} | {variable.name for row in PROVIDERS.values() for variable in row.variables}


def variables_listed() -> set[str]:
    return set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_every_variable_stands_in_the_example():
    assert variables_read() - variables_listed() == set()


def test_the_example_lists_no_variable_that_nobody_reads():
    assert variables_listed() - variables_read() == set()


def test_the_example_has_the_variables_of_storage_providers_as_declared():
    text = env_example.EXAMPLE.read_text(encoding="utf-8")
    assert env_example.written(text) == text, "run python -m tests.env_example"


def test_every_variable_of_the_example_has_its_comment():
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"^#? ?[A-Z][A-Z0-9_]+=", line):
            assert lines[number - 1].startswith("# "), f"no comment above {line}"


def locked(name: str) -> dict[str, str]:
    """Package → version of a lock file."""
    text = (ROOT / name).read_text()
    return {normal(found[1]): found[2] for found in re.finditer(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", text, re.MULTILINE)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def package(requirement: str) -> str:
    return normal(re.match(r"[A-Za-z0-9_.-]+", requirement)[0])


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_holds_every_dependency_with_its_hash(file):
    extras = PROJECT["project"]["optional-dependencies"]
    chosen = ["scale", "fast"] if file == "requirements.lock" else list(extras)
    wanted = [*PROJECT["project"]["dependencies"], *(line for name in chosen for line in extras[name])]
    pinned = locked(file)
    assert [line for line in wanted if package(line) not in pinned] == []
    assert (ROOT / file).read_text().count("--hash=") >= len(pinned)


def test_both_locks_say_the_same_versions():
    run, develop = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: version for name, version in run.items() if develop.get(name) != version} == {}


def test_every_dependency_has_its_reason():
    text = (ROOT / "pyproject.toml").read_text()
    block = text[text.index("dependencies = [") : text.index("[project.optional-dependencies]")]
    lines = [line for line in block.splitlines() if line.strip().startswith('"')]
    assert [line for line in lines if " # " not in line] == []


VERBS = ("run", "install", "test", "soak", "lint", "bench", "demo", "messages", "lock", "clean")


@pytest.mark.parametrize("verb", VERBS)
def test_the_makefile_knows_its_verbs(verb):
    assert re.search(rf"^{verb}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_licence_of_a_start_is_a_changelog_and_a_readme():
    assert (ROOT / "README.md").read_text().startswith("# ")
    assert re.search(r"^## ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
