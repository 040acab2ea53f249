"""The scripts of the pages: their imports, and that every text they use is in the page."""

import posixpath
import re
from pathlib import Path

import pytest

from chat.templatetags import ui
from imagegen.templatetags import pictures
from tests.fixtures.process import ROOT
from webui.layers.static import without_comments

SCRIPTS = ROOT / "static/js"
ROOMS = ["common", "chat", "images", "pages"]  # each may import from those before it
ALONE = {"sandbox", "worker"}  # documents of their own, which import nothing of the page
IMPORT = re.compile(r'(?:from|import\()\s*"(\.[^"]+)"')
TEXT = re.compile(r'\bt\((?:"(\w+)"|[^()"]*\? "(\w+)" : "(\w+)")')
FILES = sorted(SCRIPTS.rglob("*.js"))


def name_of(path: Path) -> str:
    return path.relative_to(SCRIPTS).as_posix()


def imports_of(path: Path) -> list[str]:
    """The modules of ours that one imports, as paths below static/js."""
    folder = posixpath.dirname(name_of(path))
    addresses = IMPORT.findall(path.read_text(encoding="utf-8"))
    modules = (posixpath.normpath(posixpath.join(folder, address)) for address in addresses)
    return [module for module in modules if not module.startswith("..")]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_to_rooms_below(path):
    room = name_of(path).partition("/")[0]
    rooms = [room] if room in ALONE else ROOMS[: ROOMS.index(room) + 1]
    assert [module for module in imports_of(path) if module.partition("/")[0] not in rooms] == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_script_loses_code_with_its_comments(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    code = [line for line in lines if not re.match(r"\s*(?://|/?\*)", line)]
    assert without_comments("\n".join(lines) + "\n").splitlines() == code


def test_a_script_with_text_over_several_lines_stays_as_it_is():
    script = "const text = `\n// no comment\n`;\n"
    assert without_comments(script) == script


def test_every_text_that_scripts_ask_for_is_in_the_page():
    given = {"chat": texts(ui.script_texts()), "images": texts(pictures.picture_texts())}
    given["chat"] |= texts(pictures.picture_view_texts()) | texts(ui.preview_texts()) | texts(ui.order_texts())
    given["common"] = given["chat"] & given["images"]
    shared = {"images/picture-view.js", "chat/sidebar.js"}  # on both kinds of page
    missing = {}
    for path in FILES:
        room = name_of(path).partition("/")[0]
        asked = {name for match in TEXT.findall(path.read_text(encoding="utf-8")) for name in match if name}
        there = given["common"] if name_of(path) in shared else given.get(room, set())
        if asked - there:
            missing[name_of(path)] = asked - there
    assert missing == {}


def test_every_text_in_the_page_is_asked_for():
    """By `t("name")`, or by a name that a variable holds."""
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    given = texts(ui.script_texts()) | texts(pictures.picture_texts()) | texts(ui.preview_texts())
    assert {name for name in given if f'"{name}"' not in scripts} == set()


def texts(tag: str) -> set[str]:
    return set(re.findall(r'"(\w+)": "', str(tag)))
