"""The draft of an answer: events and snapshots never contradict each other."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.models import Message
from chat.runs.draft import AnswerDraft, snapshot_of

text = st.text("ab", max_size=3)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), text, text),
        st.tuples(st.just("tell")),
        st.tuples(st.just("append"), text),
        st.tuples(st.just("replace"), text),
        st.tuples(st.just("pause")),
    ),
    max_size=30,
)


class Client:
    """A client that builds the answer from events, as a page does."""

    def __init__(self):
        self.content = self.reasoning = ""

    def hear(self, draft):
        while data := draft.take_unsent():
            self.content += data["content"]
            self.reasoning += data.get("reasoning", "")


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine says nothing about us
@given(steps)
def test_a_snapshot_is_what_the_events_so_far_add_up_to(taken):
    draft, client = AnswerDraft(), Client()

    for kind, *values in taken:
        if kind == "add":
            draft.add(*values)
        elif kind == "pause":
            draft.pause()
        else:
            client.hear(draft)  # every other event is told after the pieces before it
        if kind == "append":
            draft.append(values[0])
            client.content += values[0]
        elif kind == "replace":
            draft.replace(values[0])
            client.content = values[0]
        snapshot = draft.snapshot()
        assert (snapshot["content"], snapshot["reasoning"]) == (client.content, client.reasoning)

    client.hear(draft)
    assert (draft.content, draft.reasoning) == (client.content, client.reasoning)


def test_what_is_said_after_a_pause_begins_a_new_paragraph():
    draft = AnswerDraft()
    draft.pause()
    draft.add("Let me look.")
    draft.pause()
    draft.add(" ")
    draft.add("\nTake one.", "Hm.")
    draft.add(" Or two.")

    assert (draft.content, draft.reasoning) == ("Let me look.\n\nTake one. Or two.", "Hm.")


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([(100, "", "a")], None),
        ([(100, "hm", ""), (900, "so", ""), (2100, "", "a"), (9000, "", "b")], 2000),
        ([(100, "hm", ""), (700, "so", "")], 600),  # it was stopped while it thought
        ([(100, "hm", ""), (700, "so", "a"), (900, "again", "")], 600),
        ([(100, "", "a"), (200, "hm", ""), (500, "", "b")], 300),
    ],
)
def test_thinking_lasts_until_the_answer_behind_it_begins(pieces, expected):
    draft = AnswerDraft()
    for now_ms, reasoning, content in pieces:
        draft.note_time(now_ms, thinking=bool(reasoning), answering=bool(content))

    assert draft.row()["reasoning_ms"] == expected


def test_a_row_that_is_longer_than_an_answer_may_be_is_told_in_part():
    whole = "word " * 1_000_000
    snapshot = snapshot_of(Message(role="assistant", content=whole, reasoning=whole, status="done"))
    assert (len(snapshot["content"]), len(snapshot["reasoning"])) == (2_000_000, 2_000_000)
