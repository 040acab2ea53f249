"""What the menu of the chip *Picture* chooses reaches the engine."""

import pytest

from tests.imagegen.conversation.test_handler import IMAGES, RED, events_of, reply, talker
from tests.upstream.openai.images import drawn

__all__ = ["talker"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_shape_count_model_and_parameters_of_the_chip_reach_the_engine(talker, upstream):
    upstream.always(drawn(RED), path=IMAGES)
    upstream.answer("Here.")
    chosen = {"shape": "16:9", "n": "2", "model": "gpt-image-1", "params": {"background": "transparent"}}
    _tab, message, _started = reply(talker, features={"image_generation": chosen})
    sent = upstream.asked(IMAGES)[0].json
    assert {name: sent.get(name) for name in ("size", "n", "model", "background")} == {
        "size": "1536x1024",  # the widest that this model draws
        "n": 2,
        "model": "gpt-image-1",
        "background": "transparent",
    }
    assert message["status"] == "done"


@pytest.mark.parametrize("chosen", [{"shape": "wide"}, {"n": "99"}, {"params": {"model": "x"}}, {"params": "x"}])
def test_a_wrong_choice_of_the_chip_draws_nothing_and_says_so(talker, upstream, chosen):
    upstream.answer("I could not draw it.")
    tab, message, _started = reply(talker, features={"image_generation": chosen})
    assert upstream.asked(IMAGES) == []
    assert events_of(tab, message, "status")[-1]["error"] is True
    assert message["content"] == "I could not draw it."


def test_a_model_that_cannot_edit_draws_anew_where_the_chip_leaves_it_open(talker, upstream):
    upstream.always(drawn(RED), path=IMAGES)
    _tab, message, started = reply(talker)
    assert message["files"]
    chosen = {"model": "dall-e-3", "params": {"style": "natural", "input_fidelity": "high"}}
    tab = talker.listen()
    second = talker.say(started["chat"]["id"], "now at night", features={"image_generation": chosen})
    tab.until_done(second["message"]["id"])
    assert upstream.asked("/images/edits") == []
    sent = upstream.asked(IMAGES)[-1].json
    assert (sent["model"], sent["style"], "input_fidelity" in sent) == ("dall-e-3", "natural", False)
