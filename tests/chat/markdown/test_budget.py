"""The budget of rendering: linear cost, a limit per text, and no work for a client that has disconnected."""

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import markdown_it
import pytest

import chat.markdown
from chat.markdown import budget, formulas, render, to_html
from providers.process import disconnects
from tests.chat.markdown import examples, pathological

SIZE = 400  # characters
SOURCES = (str(Path(chat.markdown.__file__).parent), str(Path(markdown_it.__file__).parent))


@contextmanager
def counted_lines() -> Iterator[list[int]]:
    """The number of lines of Python that Markdown's parser and renderer run."""
    count = [0]

    def line(_frame, event, _argument):
        count[0] += event == "line"
        return line

    def call(frame, _event, _argument):
        return line if frame.f_code.co_filename.startswith(SOURCES) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield count
    finally:
        sys.settrace(before)


def lines_for(text: str) -> int:
    with counted_lines() as count:
        to_html(text)
    return count[0]


@pytest.mark.parametrize("name", pathological.TEXTS)
def test_twice_the_text_is_twice_the_work(name, monkeypatch):
    monkeypatch.setitem(render._engine().options, "maxNesting", 4)  # which are reached before SIZE is
    text_of = pathological.TEXTS[name]
    once, twice = lines_for(text_of(SIZE)), lines_for(text_of(2 * SIZE))
    assert twice < 2.5 * once + 1000


@pytest.mark.parametrize("piece", ["\\[ ", "\\( ", "$a ", "$$a ", "![$](", "`a` $"])
def test_a_text_is_searched_once_for_the_ends_of_formulas(piece):
    build = formulas.InlineMarks.__init__
    with mock.patch.object(formulas.InlineMarks, "__init__", autospec=True, side_effect=build) as built:
        to_html(piece * 100)
    assert built.call_count == 1


COSTLY = {
    "pictures in pictures": "![" * 100_000,
    "empty cells": "|a" * 300 + "|\n" + "|-" * 300 + "|\n" + "|\n" * 3000,
    "lazy lines": ">" * 30 + "a\n" * 90_000,
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_text_that_costs_too_much_stays_as_it_was_written(name):
    assert to_html(COSTLY[name]) == render.plain(COSTLY[name])


def test_a_very_long_text_stays_as_it_was_written():
    with mock.patch.object(render, "_engine") as engine:
        assert to_html("**a** <b>" * 30_000) == f'<div class="plain">{"**a** &lt;b&gt;" * 30_000}</div>\n'
    assert not engine.called


def test_long_ordinary_answers_are_within_the_budget():
    text = "\n\n".join([*examples.ORDINARY, *examples.FORMULAS, *examples.CHINESE])
    long = (text + "\n\n") * (render.LONGEST // (len(text) + 2))
    assert to_html(long).startswith("<h3>")


def test_the_texts_of_a_page_share_a_budget():
    text = "[" * 1_000
    with budget.one_page():
        rendered = [to_html(f"{text}{number}").startswith("<p>") for number in range(20)]
    assert rendered[0]
    assert not rendered[-1]
    assert to_html(f"{text}20").startswith("<p>")


@pytest.mark.parametrize(
    ("ticks", "expected"), [(0.0, "<p>a <em>b</em></p>"), (budget.TEXT_SECONDS, '<div class="plain">')]
)
def test_a_rendering_stops_when_its_time_is_over(ticks, expected):
    clock = itertools.count(step=ticks)  # processor seconds of the thread: each look at the clock finds so many more
    with mock.patch.object(budget.time, "thread_time", side_effect=clock):
        assert to_html("a *b*\n\n" * 2_000).startswith(expected)


def test_nothing_is_rendered_for_a_client_that_has_left():
    with disconnects.watched():
        disconnects.client_left()
        assert to_html("**here**") == render.plain("**here**")
    assert to_html("**here**") == "<p><strong>here</strong></p>\n"


def test_a_rendering_stops_when_its_client_leaves():
    checks = []
    check = budget.StepBudget.check

    def third_finds_nobody(left):
        checks.append(left.spent)
        if len(checks) == 3:
            disconnects.client_left()
        check(left)

    text = "a *b*\n\n" * 10_000
    with disconnects.watched(), mock.patch.object(budget.StepBudget, "check", third_finds_nobody):
        assert to_html(text) == render.plain(text)
    assert len(checks) == 3
