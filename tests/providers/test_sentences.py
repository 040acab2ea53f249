"""Stored translatable texts: they keep their source, and are shown in each reader's language."""

import json
import pickle

import orjson
import pytest
from django.utils import translation
from django.utils.translation import gettext_lazy

from providers import sentences
from providers.http import failures
from providers.sentences import counted, joined, sentence

REFUSED = "The provider does not accept the key (%(status)s)."


def chinese(text):
    return any("\u4e00" <= char <= "\u9fff" for char in text)


def again(text, language):
    with translation.override(language):
        return str(sentences.remade(json.loads(json.dumps(sentences.parts_of(text)))))


@pytest.mark.parametrize(("made_in", "read_in"), [("en", "zh-hans"), ("zh-hans", "en")])
@pytest.mark.parametrize(
    "make",
    [
        lambda: sentence(REFUSED) % {"status": 401},
        lambda: counted("Try again in %d second.", "Try again in %d seconds.", 3) % 3,
        lambda: joined([sentence(REFUSED) % {"status": 401}, "Bad key."]),
        lambda: sentence("The web could not be searched: %s") % sentence("The web search answered with an error."),
        lambda: gettext_lazy("The provider's answer is not JSON."),
        lambda: failures.UNREACHABLE,
    ],
    ids=["values", "plural", "joined", "nested", "lazy", "constant"],
)
def test_a_text_that_was_kept_is_said_in_the_readers_language(make, made_in, read_in):
    with translation.override(made_in):
        made = make()
    assert chinese(again(made, "zh-hans"))
    assert not chinese(again(made, "en"))
    assert chinese(again(made, read_in)) == (read_in == "zh-hans")


def test_it_is_text_wherever_text_is_wanted():
    with translation.override("zh-hans"):
        made = sentence(REFUSED) % {"status": 401}
    assert isinstance(made, str)
    assert chinese(made[:2])
    assert orjson.loads(orjson.dumps([made]))[0] == json.loads(json.dumps(made))
    assert type(pickle.loads(pickle.dumps(made))) is str
    with translation.override("en"):
        assert f"{made}" == "The provider does not accept the key (401)."


@pytest.mark.parametrize(
    "kept", [None, {}, {"values": {}}, {"source": REFUSED, "values": {}}, {"source": "%(a)s", "values": 3}]
)
def test_what_cannot_be_made_is_nothing(kept):
    assert sentences.remade(kept) is None


def test_somebody_elses_text_is_not_taken_apart():
    assert sentences.parts_of("Incorrect API key provided.") is None
