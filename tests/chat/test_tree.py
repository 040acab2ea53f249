"""The message tree: branches, and the messages that the model gets."""

from types import SimpleNamespace
from typing import Any

from chat import history, tree


def message(name: str, parent: str | None = None, role: str = "user", content: str | None = None, files=()) -> Any:
    said = name if content is None else content
    return SimpleNamespace(pk=name, parent_id=parent, role=role, content=said, files=list(files))


TREE = [
    message("q1"),
    message("a1", "q1", "assistant"),
    message("a2", "q1", "assistant"),
    message("q2", "a1"),
    message("q3", "a2"),
    message("a3", "q3", "assistant"),
]


def names(messages):
    return [one.pk for one in messages]


def test_a_branch_runs_from_the_root_to_the_leaf():
    assert names(tree.branch_to(TREE, "a3")) == ["q1", "a2", "q3", "a3"]
    assert tree.branch_to(TREE, None) == []
    assert tree.branch_to(TREE, "gone") == []


def test_a_circle_in_damaged_rows_does_not_hang():
    circle = [message("x", "y"), message("y", "x")]

    assert names(tree.branch_to(circle, "x")) == ["y", "x"]


def test_the_newest_leaf_is_found_downwards():
    assert tree.newest_leaf(TREE, "q1") == "a3"
    assert tree.newest_leaf(TREE, "a1") == "q2"
    assert tree.newest_leaf(TREE, "a3") == "a3"


def test_a_model_is_told_the_branch():
    assert history.as_openai(tree.branch_to(TREE, "q3")) == [
        {"role": "user", "content": "q1"},
        {"role": "assistant", "content": "a2"},
        {"role": "user", "content": "q3"},
    ]


def test_an_answer_without_a_word_is_left_out_and_the_questions_become_one():
    branch = [message("one"), message("", role="assistant", content=" "), message("two")]

    assert history.as_openai(branch) == [{"role": "user", "content": "one\n\ntwo"}]


def test_files_go_with_their_message_and_those_of_an_answer_with_the_next_question():
    own, drawn = {"id": "1", "type": "file"}, {"id": "2", "type": "image"}
    branch = [message("", files=[own]), message("", role="assistant", files=[drawn]), message("two")]

    assert history.as_openai(branch) == [{"role": "user", "content": "two", "files": [own, {**drawn, "shown": True}]}]
