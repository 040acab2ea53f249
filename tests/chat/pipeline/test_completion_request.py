"""The documented six forms of a message: every step exists and makes the form that the docstring names."""

import pydoc
import re
import typing
from collections.abc import AsyncGenerator

import pytest

from chat.pipeline import CompletionRequest, Turn, completion_request, contexts
from providers.callers import caller_for_user

STEP = re.compile(r"^(\d+)\. .+? → `(\w+)`.*: `([\w.]+)`$", re.MULTILINE)
WAY = STEP.findall(completion_request.__doc__)


class Silent:
    async def emit(self, type, data):
        raise AssertionError("nothing happens in a turn that nobody runs")


def made_by(path):
    """The class that a step makes: itself, or what it returns or yields, perhaps None."""
    step = pydoc.locate(path)
    made = step if isinstance(step, type) else typing.get_type_hints(step)["return"]
    if typing.get_origin(made) is AsyncGenerator:
        made = typing.get_args(made)[0]
    return next((part for part in typing.get_args(made) if part is not type(None)), made)


def test_a_message_takes_at_most_six_forms():
    assert [int(number) for number, _form, _path in WAY] == list(range(1, len(WAY) + 1))
    assert 0 < len(WAY) <= 6


@pytest.mark.parametrize(("form", "path"), [(form, path) for _number, form, path in WAY])
def test_each_step_makes_the_form_that_it_says(form, path):
    assert made_by(path).__name__ == form


@pytest.mark.django_db
def test_a_turn_leaves_its_request_as_it_was(alice):
    messages = [{"role": "user", "content": "Hi"}]
    params = {"model": "another", "temperature": 1}
    request = CompletionRequest(caller_for_user(alice), model="m1", messages=messages, params=params)
    turn = Turn(request, Silent())

    turn.add_context("It is raining.")
    contexts.insert(turn)
    turn.payload["temperature"] = 0

    assert turn.payload["model"] == "m1"
    assert turn.messages[0]["content"] != "Hi"
    assert request.messages == [{"role": "user", "content": "Hi"}]
    assert request.params["temperature"] == 1
