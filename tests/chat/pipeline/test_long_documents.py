"""Documents over the budget of a question: what of them reaches the model, and what the person is shown."""

import pytest

from chat.models import DocumentChunk, File
from providers import versioning
from tests import people
from tests.chat.pdf import pdf
from tests.chat.talk import Talker
from tests.upstream.openai.protocol import error
from tests.upstream.replies import in_json

pytestmark = pytest.mark.django_db(transaction=True)
NEEDLE = "The penalty for late delivery is seven per cent."


@pytest.fixture
def talker(site, alice, upstream):
    people.make_connection(upstream.url, "m1", "embed-1")
    people.set_chat(attachment_budget=2000, titles=False)
    return Talker(site, alice)


@pytest.fixture
def long(talker):
    texts = [f"Chapter {number}. " + "The river runs slowly through the plain. " * 8 for number in range(1, 43)]
    texts[39] += NEEDLE
    texts[19] += "The heron nests in March."
    answer = talker.session.post(
        f"{talker.site.url}/api/v1/files/", files={"file": ("long.pdf", pdf(*texts))}, timeout=20
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def ask(talker, upstream, question, file):
    upstream.answer("I see.")
    started = talker.start(question, files=[{"id": file["id"]}])
    message = talker.until_over(started["chat"]["id"], started["message"]["id"])
    return message, upstream.chats[-1].json["messages"][-1]["content"], started["chat"]["id"]


def test_a_long_document_is_searched_for_each_question(talker, long, upstream):
    message, asked, chat_id = ask(talker, upstream, "What is the penalty for late deliveries?", long)
    upstream.answer("In March.")
    again = talker.until_over(chat_id, talker.say(chat_id, "When does the heron nest?", model="m1")["message"]["id"])

    assert asked.startswith('<file name="long.pdf">\n[Page 1]\nChapter 1.')
    assert '<excerpt file="long.pdf" page="40">' in asked
    assert NEEDLE in asked
    assert len(asked) < 2000 + 1500  # the budget, and what explains it
    second = upstream.chats[-1].json["messages"]
    assert asked.startswith(second[0]["content"])  # without the excerpts of the first question
    assert NEEDLE not in second[0]["content"]
    assert 'page="20">' in second[-1]["content"]
    [step] = message["status_history"]
    assert step["description"].startswith("Searched “long.pdf” and read page")
    [source] = step["sources"]
    assert (source["title"], source["url"]) == ("long.pdf", long["url"])
    assert "40" in source["site"]
    assert "20" in again["status_history"][0]["sources"][0]["site"]
    assert source["site"] in talker.send("GET", f"/c/{chat_id}")

    assert DocumentChunk.objects.count() >= 42
    File.objects.get(pk=long["id"]).delete()
    assert not DocumentChunk.objects.exists()


def test_an_embedding_model_finds_what_words_do_not(talker, long, upstream):
    def embed(received):
        texts = received.json["input"]
        rows = [[1.0, 0.2] if "per cent" in text or "tardy" in text else [0.0, 2.0] for text in texts]
        return in_json({"data": [{"index": number, "embedding": row} for number, row in enumerate(rows)][::-1]})

    def calls():
        return len(upstream.asked("/embeddings"))

    people.set_chat(embedding_model="embed-1")
    versioning.bump()
    question = "How much do tardy suppliers owe?"
    upstream.script(error(400, "Too long for me"), path="/embeddings")
    message, asked, _chat = ask(talker, upstream, question, long)
    assert message["status_history"][1]["description"].startswith("Documents were searched by words alone:")
    assert "Too long for me" in message["status_history"][1]["description"]
    assert NEEDLE not in asked

    upstream.always(embed, path="/embeddings")
    before = calls()
    message, asked, _chat = ask(talker, upstream, question, long)
    pieces = DocumentChunk.objects.count()
    assert NEEDLE in asked
    assert calls() - before == -(-pieces // 32) + 1
    assert len(message["status_history"]) == 2
    before = calls()
    _message, asked, _chat = ask(talker, upstream, question, long)
    assert NEEDLE in asked
    assert calls() - before == 1  # of the question alone

    people.set_chat(embedding_model="not-there")
    versioning.bump()
    message, asked, _chat = ask(talker, upstream, "What is the penalty for late deliveries?", long)
    assert "by words alone" in message["status_history"][1]["description"]
    assert NEEDLE in asked
