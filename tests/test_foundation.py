"""The suite's own tools: the scripted upstream and the site in this process."""

import openai
import pytest

from tests.upstream import DROP, END, RESET, Gate


def test_an_unscripted_chat_echoes(upstream):
    client = openai.OpenAI(base_url=upstream.url, api_key="k", max_retries=0)
    with client:
        answer = client.chat.completions.create(model="m1", messages=[{"role": "user", "content": "hello"}])
    assert answer.choices[0].message.content == "You said: hello"
    assert upstream.last.json["model"] == "m1"
    assert upstream.last.key == "k"


def test_a_stream_stands_at_its_gate_until_it_is_opened(upstream):
    gate = Gate()
    upstream.answer("one two three", after={1: gate})
    with openai.OpenAI(base_url=upstream.url, api_key="k", max_retries=0) as client:
        stream = client.chat.completions.create(model="m1", messages=[], stream=True)
        gate.wait()
        assert not upstream.last.done.is_set()
        gate.open()
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == "one two three"
    upstream.last.wait_done()
    assert not upstream.last.closed.is_set()


@pytest.mark.parametrize("how", [RESET, DROP])
def test_a_cut_stream_breaks_for_the_client(upstream, how):
    upstream.answer("one two three", after={2: how})
    with openai.OpenAI(base_url=upstream.url, api_key="k", max_retries=0) as client:
        stream = client.chat.completions.create(model="m1", messages=[], stream=True)
        with pytest.raises(openai.APIConnectionError):
            list(stream)


def test_an_early_end_is_an_end_all_the_same(upstream):
    upstream.answer("one two three", after={2: END})
    with openai.OpenAI(base_url=upstream.url, api_key="k", max_retries=0) as client:
        chunks = list(client.chat.completions.create(model="m1", messages=[], stream=True))
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["", "one ", "two "]


def test_a_client_that_leaves_is_noticed(upstream):
    gate = Gate()
    upstream.answer("one two three", after={1: gate})
    with openai.OpenAI(base_url=upstream.url, api_key="k", max_retries=0) as client:
        stream = client.chat.completions.create(model="m1", messages=[], stream=True)
        gate.wait()
        stream.close()
    upstream.last.wait_closed()


def test_the_site_answers_over_a_socket(site, alice):
    assert site.session().get(f"{site.url}/accounts/login/").status_code == 200
    assert site.session(alice).get(f"{site.url}/admin/", allow_redirects=False).status_code == 302


def test_a_browser_sees_the_site_without_complaints(page):
    page.goto("/accounts/login/")
    assert page.locator("form").count() >= 1


def test_a_browser_signs_in_by_its_cookies(open_page, alice):
    page = open_page(alice)
    answer = page.goto("/accounts/login/")
    assert answer.ok


def test_daphne_serves_a_fresh_installation(daphne_site, upstream):
    daphne_site.create_user("alice@example.com")
    key = daphne_site.create_api_key("alice@example.com")
    with openai.OpenAI(base_url=daphne_site.v1, api_key=key, max_retries=0) as client:
        answer = client.chat.completions.create(model="m1", messages=[{"role": "user", "content": "hello"}])
    assert answer.choices[0].message.content == "You said: hello"
    assert daphne_site.stop() == 0


def test_an_empty_postgresql_database_is_there(empty_postgres_url):
    import psycopg

    with psycopg.connect(empty_postgres_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_empty_redis_is_there(redis_url):
    import redis

    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
