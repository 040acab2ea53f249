"""Improved prompts: the template, and parsing the task model's reply."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.conversation import prompt

TALK = [{"role": "user", "content": f"line {number}"} for number in range(1, 9)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('{"prompt": "a boat"}', "a boat"),
        ('Sure! ```json\n{"prompt": "a boat"}\n```', "a boat"),
        ('<think>{"prompt": "no"}</think>{"prompt": "a boat"}', "a boat"),
        ('{"prompt": "first"} and better {"prompt": "a {red} \\"boat\\""}', 'a {red} "boat"'),
        ('{"other": 1}', ""),
        ('{"prompt": ["a"]}', ""),
        ("no json", ""),
        ('{"prompt": "cut', ""),
        ("<think>never ends", ""),
        ('{"prompt": "  "}', ""),
    ],
)
def test_the_last_balanced_object_with_a_prompt_counts(said, expected):
    assert prompt.prompt_in(said) == expected


@given(st.text(max_size=200))
def test_no_answer_of_a_model_is_a_crash(said):
    assert isinstance(prompt.prompt_in(said), str)


def test_the_template_is_filled_with_the_end_of_the_conversation_and_never_twice():
    filled = prompt.fill("{{MESSAGES:END:2}}|{{prompt}}|{{USER_NAME}}", TALK, "{{USER_NAME}}!", user_name="Alice")
    assert filled == "user: line 7\nuser: line 8|{{USER_NAME}}!|Alice"


@pytest.mark.parametrize(
    ("template", "expected"),
    [("{{prompt:start:3}}", "abc"), ("{{prompt:end:2}}", "ef"), ("{{ prompt }}", "abcdef"), ("{{MESSAGES}}", "")],
)
def test_parts_of_the_request_can_be_named(template, expected):
    assert prompt.fill(template, [], "abcdef") == expected
