"""The pages docs/architecture.md (figures equal the import contracts) and docs/adding.md (its files exist)."""

import re
import tomllib
from functools import cache
from typing import Any

import pytest

from tests.fixtures.process import ROOT

ARCHITECTURE = ROOT / "docs/architecture.md"
ADDING = ROOT / "docs/adding.md"
APPS = "The four apps"  # the heading above the figure of the apps
MOST_NOUNS = 25
MOST_FILES = 3  # that somebody has to touch, tests included
MORE_FILES = {  # where it takes more, for now
    "A task of the daily housekeeping": 4,  # with a setting for its days
    "An image engine": 6,  # a protocol of its own, spoken and scripted
    "A form of requests": 5,  # a package, and its place in three tables
    "A format of imports": 5,  # an export that is true to its site, and what is known of it
    "A work in the background": 4,  # a room of its own, named in a model and in the settings
}


def figures(page: str) -> dict[str, list[str]]:
    """Heading → the boxes of the Mermaid figure below it, in the order of its arrows."""
    found = {}
    for section in re.split(r"(?m)^#+ ", page)[1:]:
        heading = section.split("\n", 1)[0].strip("` ")
        for figure in re.findall(r"```mermaid\n(.*?)```", section, re.DOTALL):
            boxes = dict(re.findall(r'(\w+)\["([^"]+)"\]', figure))
            order = re.search(r"(?m)^ *(\w+(?: --> \w+)+)$", figure)
            assert order, f"no arrows below {heading}"
            found[heading] = [boxes.pop(name) for name in order[1].split(" --> ")]
            assert boxes == {}, f"boxes without arrows below {heading}"
    return found


def layers() -> dict[str, list[str]]:
    """Heading → layers of the import contracts for all apps, or for one."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts: list[dict[str, Any]] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    found = {}
    for contract in contracts:
        containers = contract.get("containers", [APPS])
        if contract["type"] == "layers" and len(containers) == 1:
            found[containers[0]] = [layer.replace(" : ", " · ") for layer in contract["layers"]]
    return found


def test_the_figures_are_the_import_contracts():
    assert figures(ARCHITECTURE.read_text(encoding="utf-8")) == layers()


def test_a_figure_with_an_arrow_turned_round_is_another_one():
    page = ARCHITECTURE.read_text(encoding="utf-8").replace("a --> b", "b --> a", 1)
    assert figures(page) != layers()


def test_the_glossary_has_each_word_once_and_no_more_than_can_be_learnt():
    glossary = ARCHITECTURE.read_text(encoding="utf-8").split("## Glossary")[1]
    words = re.findall(r"(?m)^\| (?!word\b|-)([^|]+?) \|", glossary)
    explained = {word.lower() for word in re.findall(r"\*\*([^*]+)\*\*", glossary)}
    assert len(set(words)) == len(words)
    assert len(explained | set(words)) <= MOST_NOUNS
    assert {"connection", "rate limit"} <= explained | set(words)


@cache
def guides() -> dict[str, str]:
    """Heading → text of each guide."""
    sections = re.split(r"(?m)^## ", ADDING.read_text(encoding="utf-8"))[1:]
    return {section.split("\n", 1)[0]: section for section in sections}


def files_of(guide: str) -> list[str]:
    """The first column of a guide's table; its `<name>` is the first example that the guide names."""
    example = re.search(r"example: `(\w+)`", guide)
    files = re.findall(r"(?m)^\| `([^`]+)` \|", guide)
    return [file.replace("<name>", example[1]) if example else file for file in files]


@pytest.mark.parametrize("heading", guides())
def test_the_files_of_every_guide_are_there_and_few(heading):
    files = files_of(guides()[heading])
    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert len(files) <= MORE_FILES.get(heading, MOST_FILES)


def test_the_guides_that_may_take_more_files_do():
    counts = {heading: len(files_of(guides()[heading])) for heading in MORE_FILES}
    assert counts == MORE_FILES
