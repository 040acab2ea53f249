"""The check of the translations."""

import re
import shutil
import subprocess

import pytest

from tests import translations
from tests.fixtures.need import require

CATALOGUE = translations.ROOT / "locale/zh_Hans/LC_MESSAGES/django.po"
PO = r"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=1; plural=0;\n"

#, python-format
msgid "Hello %(name)s"
msgstr "你好 %(name)s"

#, fuzzy
#| msgid "Old"
msgid "New"
msgstr "旧"

msgctxt "verb"
msgid "Open"
msgstr ""

msgid ""
"Two "
"lines\n"
msgstr "两行\n"

msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d 个文件"

#~ msgid "Gone"
#~ msgstr "没了"
"""


@pytest.fixture
def po(tmp_path):
    path = tmp_path / "django.po"
    path.write_text(PO)
    return path


def test_it_reads_what_gettext_writes(po):
    entries = {entry.text: entry for entry in translations.read_po(po)}
    assert list(entries) == ["Hello %(name)s", "New", "Open", "Two lines\n", "%d file"]
    assert entries["New"].fuzzy
    assert entries["Open"].untranslated
    assert entries["Open"].context == "verb"
    assert entries["Two lines\n"].values == {0: "两行\n"}
    assert entries["%d file"].plural == "%d files"


def test_no_text_is_used_with_a_plural_and_without():
    """One entry of the catalogue serves both, and its plural's placeholder would stand in the page."""
    plurals = {entry.text for entry in translations.read_po(CATALOGUE) if entry.plural is not None}
    said = r"""(?:\b_|\bgettext(?:_lazy|_noop)?|translate|trans)[ (]\s*["']([^"'\n]+)["']"""
    files = [path for name in ("webui", "providers", "chat", "imagegen", "templates") for path in files_in(name)]
    assert [f"{path}: {text}" for path in files for text in re.findall(said, path.read_text()) if text in plurals] == []


def files_in(name):
    return [path for path in (translations.ROOT / name).rglob("*") if path.suffix in (".py", ".html")]


def test_the_chinese_texts_have_one_form_of_address_and_one_word_for_providers():
    files = [CATALOGUE, *(translations.ROOT / "webui/demo/zh-hans").glob("*.md")]
    other = ("您", "提供商", "服务商", "供应商")
    assert [
        f"{path.name}: {word}" for path in files for word in other if word in path.read_text(encoding="utf-8")
    ] == []


def test_an_entry_that_no_source_says_is_seen(po):
    """Stored errors keep the source of their text, whose translation `make messages` would take away."""
    stored = list(translations.read_po(po))
    fresh = [entry for entry in stored if entry.text != "Hello %(name)s"]
    assert [words.split(": ")[1] for words in translations.unsaid(stored, fresh)] == ["Hello %(name)s"]
    assert translations.unsaid(stored, stored) == []


def test_a_lost_placeholder_is_seen():
    assert translations.places("Hello %(name)s") != translations.places("你好 %(nam)s")
    assert translations.places("100%% of {name}") == {"{name}"}


def test_a_compiled_file_that_is_older_is_seen(po, monkeypatch):
    require(shutil.which("msgfmt"), "gettext is not installed (no msgfmt)")
    monkeypatch.setattr(translations, "ROOT", po.parent)
    compiled = po.with_suffix(".mo")
    entries = list(translations.read_po(po))
    assert "missing" in translations._compiled(compiled, entries)[0]
    subprocess.run(["msgfmt", "-o", compiled, po], check=True)
    assert translations._compiled(compiled, entries) == []
    po.write_text(PO.replace("两行", "两排"))
    assert "older" in translations._compiled(compiled, list(translations.read_po(po)))[0]
