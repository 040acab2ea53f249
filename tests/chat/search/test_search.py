"""The search: words in both scripts, places, filters, and the index behind it, on both databases."""

import pytest

from chat.models import Chat, Message
from tests.chat.search import scenario
from tests.chat.talk import Talker


@pytest.mark.django_db
def test_a_search_finds_what_it_should_on_sqlite():
    scenario.run()


@pytest.mark.postgres
def test_a_search_finds_what_it_should_on_postgresql(server_process, postgres_url):
    site = server_process(env={"DATABASE_URL": postgres_url})
    scenarios = "from tests.chat.reading import scenario as reading; from tests.chat.search import scenario"
    done = site.manage("shell", "-c", f"{scenarios}; scenario.run(); reading.run(); print('all found')")
    assert "all found" in done.stdout, done.stderr


def test_the_api_tells_the_place_and_opens_the_message_there(site, alice, bob):
    talker = Talker(site, alice)
    chat = scenario.make_chat(alice, "Sea", ["Do whales sing?", "They do.", *["More."] * 40])
    scenario.make_chat(bob, "Whales of another person", ["whales"])
    first = Message.objects.get(chat=chat, content="Do whales sing?")
    other = Message.objects.create(chat=chat, parent=None, role="user", content="Another branch with an orca")

    [hit] = talker.send("GET", "/api/v1/search?q=whale")["results"]
    assert (hit["chat"]["id"], hit["message"], hit["role"], hit["count"]) == (str(chat.pk), str(first.pk), "user", 1)
    assert (hit["text"], hit["marks"]) == ("Do whales sing?", [[3, 8]])
    assert hit["url"] == f"/c/{chat.pk}?message={first.pk}"
    [row] = talker.send("GET", "/api/v1/chats/?q=whale")["results"]
    assert (row["id"], row["excerpt"]["message"]) == (str(chat.pk), str(first.pk))
    assert talker.send("GET", "/api/v1/chats/")["results"][0]["excerpt"] is None

    page = talker.send("GET", hit["url"])  # far above the end
    assert f'data-wanted="{first.pk}"' in page
    assert f'id="m-{first.pk}"' in page
    assert 'class="later"' in page
    [hit] = talker.send("GET", "/api/v1/search?q=orca")["results"]
    assert f'id="m-{other.pk}"' in talker.send("GET", hit["url"])  # on another branch, which is shown from now on
    assert Chat.objects.get(pk=chat.pk).leaf_id == other.pk

    pages = talker.send("GET", "/api/v1/search?q=more&limit=1")
    assert (len(pages["results"]), pages["next"]) == (1, None)
    for query in ("?q=%00", "?q=" + "x" * 5000, "?q=a&limit=no", "?q=a&cursor=x.y", "?q=%ED%A0%80", ""):
        assert talker.send("GET", f"/api/v1/search{query}")["results"] is not None, query
    assert talker.send("GET", "/api/v1/search?q=a&since=never", status=400)["code"]
