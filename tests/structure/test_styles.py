"""The style sheets of the pages: what would make a long chat slow."""

import re

import pytest

from tests.fixtures.process import ROOT
from tests.structure.sources import written_here

# What stands around the messages. Chromium looks at all that `:has()` could touch below such an element whenever
# something is put into it: https://blogs.igalia.com/blee ("How Blink invalidates styles when :has() in use", 2023).
AROUND = re.compile(
    r"(?:html|body|main|\.chat-page|\.main|\.scroll|\.thread|\.comparison|\.message|\.prose|#main|#content|#thread)\b[^\s,>+~{]*:has\("
)


@pytest.mark.parametrize("folder", ["common", "chat"])
def test_nothing_around_the_messages_looks_into_them(folder):
    sheets = [path for path in written_here(".css") if path.parts[:3] == ("static", "css", folder)]
    assert sheets
    found = {path.name: AROUND.findall((ROOT / path).read_text(encoding="utf-8")) for path in sheets}
    assert {name: rules for name, rules in found.items() if rules} == {}


@pytest.mark.parametrize("rule", ["body:has(a) .x {", ".main:has(> .y) {", ".thread[data-a]:has(.b) {"])
def test_a_rule_around_the_messages_is_found(rule):
    assert AROUND.search(rule)
