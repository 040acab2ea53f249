"""The weight of a chat page: compressed bytes and chains of requests."""

import gzip

import pytest

from chat import pipeline
from chat.models import Chat, Message
from chat.templatetags.ui import CHAT_MODULES
from tests.fixtures.chat_page import EVERYTHING
from webui.layers.static import without_comments

KB = 1000
COMPRESSED = (".woff2", ".png", ".webp")


@pytest.fixture
def loaded(open_page, connection, alice):
    """address → compressed size of everything that a chat page with code, tables and formulas loads."""
    chat = Chat.objects.create(user=alice, title="Everything")
    question = Message.objects.create(chat=chat, role="user", content="Question")
    content = EVERYTHING.read_text()
    chat.leaf = Message.objects.create(chat=chat, parent=question, role="assistant", content=content, model="m1")
    chat.save()
    page = open_page(alice)
    answers = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"/c/{chat.pk}")
    page.wait_for_selector(".katex")
    page.wait_for_function(
        "() => import('/static/js/chat/markdown/render.js').then((markdown) => markdown.ready()).then(() => true)"
    )
    page.wait_for_load_state("networkidle")
    return {answer.url.partition("?")[0]: weight(answer.url, body) for answer in answers if (body := answer.body())}


def weight(address: str, body: bytes) -> int:
    """The weight of the files as collected, where our scripts have no comments."""
    if address.endswith(COMPRESSED):
        return len(body)
    return len(gzip.compress(without_comments(body.decode()).encode() if "/static/js/" in address else body))


def test_a_chat_page_stays_light(loaded):
    own = {address: size for address, size in loaded.items() if "/static/js/" in address}
    table = "\n".join(f"{size:>7} {address}" for address, size in sorted(loaded.items(), key=lambda item: -item[1]))
    assert sum(own.values()) < 60 * KB, table
    assert sum(loaded.values()) < 350 * KB, table


def test_every_module_is_named_in_the_page(loaded):
    addresses = [address for address in loaded if "/static/js/" in address]
    modules = {address.partition("/static/js/")[2].removesuffix(".js") for address in addresses}
    of_handlers = {handler.page_script for handler in pipeline.handlers() if handler.page_script}
    assert modules - {"chat/page"} - of_handlers == set(CHAT_MODULES)
