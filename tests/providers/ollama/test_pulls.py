"""The page of a server's models: pull with progress, cancel, unload, delete."""

import time

import pytest
from django.utils import timezone

from providers import runtime
from providers.models import ChatModel, ModelPull
from providers.ollama import pulls
from tests import people
from tests.upstream import Gate, unused_port
from tests.upstream import ollama as wire

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(site, admin, ollama_server):
    """Sends a form of the page as an administrator, and returns the page that follows."""
    session = site.session(admin)
    url = f"{site.url}/admin/providers/connection/{ollama_server.pk}/server-models/"

    def send(**form):
        answer = session.post(url, data=form, timeout=20) if form else session.get(url, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.text

    send.progress = lambda: session.get(f"{url}progress/", timeout=20).json()["pulls"]
    return send


def until(true):
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def state():
    return ModelPull.objects.first().state


def test_a_pull_is_told_while_it_runs_and_its_model_is_offered(page, upstream):
    gate = Gate()
    upstream.ollama.progress = [*wire.PROGRESS[:2], gate, *wire.PROGRESS[2:]]
    assert "is being pulled" in page(do="pull", model=" qwen3:4b ")
    gate.wait()
    until(lambda: page.progress()[0]["share"] == 25)
    assert page.progress()[0]["status"].startswith("pulling a2af6cc3eb7f")
    assert "pulls.js" in page()
    assert "is being pulled already" in page(do="pull", model="qwen3:4b")
    gate.open()
    until(lambda: state() == "done")
    assert upstream.asked("/api/pull")[0].json == {"model": "qwen3:4b", "stream": True}
    assert len(upstream.asked("/api/pull")) == 1
    until(lambda: ChatModel.objects.filter(public_id="local.qwen3:4b").exists())


def test_a_pull_that_fails_says_why_in_the_servers_words(page):
    page(do="pull", model="missing")
    until(lambda: state() == "failed")
    assert wire.NO_MANIFEST in page()


@pytest.mark.parametrize("name", ["", "   ", "two words", "a\nb", "x" * 256])
def test_what_is_no_name_is_not_pulled(page, name, upstream):
    assert "Enter the name of a model" in page(do="pull", model=name)
    assert not ModelPull.objects.exists()


def test_a_cancelled_pull_leaves_the_server(page, upstream):
    gate = Gate()
    upstream.ollama.progress = [wire.PROGRESS[0], gate]
    page(do="pull", model="qwen3:4b")
    gate.wait()
    page(do="cancel", pull=ModelPull.objects.get().pk)
    until(lambda: state() == "cancelled")
    upstream.asked("/api/pull")[0].wait_closed()
    gate.open()


def test_a_pull_whose_process_died_can_be_begun_again(page, ollama_server, upstream):
    long_ago = timezone.now() - timezone.timedelta(minutes=5)
    ModelPull.objects.create(connection=ollama_server, model="qwen3:4b", updated=long_ago)
    assert "The site stopped meanwhile" in page()
    page(do="pull", model="qwen3:4b")
    until(lambda: state() == "done")


def test_the_end_of_the_process_ends_its_pulls(page, upstream):
    gate = Gate()
    upstream.ollama.progress = [wire.PROGRESS[0], gate]
    page(do="pull", model="qwen3:4b")
    gate.wait()
    runtime.state(pulls.Pulls).close()
    until(lambda: state() == "failed")
    gate.open()


def test_models_are_unloaded_and_deleted(page, upstream, ollama_server):
    upstream.ollama.loaded = ["gemma3:latest"]
    assert "loaded" in page()
    assert "no longer in memory" in page(do="unload", model="gemma3:latest")
    assert upstream.ollama.loaded == []
    assert upstream.asked("/api/generate")[0].json == {"model": "gemma3:latest", "keep_alive": 0, "stream": False}
    assert "deleted from the server" in page(do="delete", model="gemma3:latest")
    assert not ollama_server.sources.filter(listed=True).exists()
    assert "model &#x27;gemma3:latest&#x27; not found" in page(do="delete", model="gemma3:latest")


def test_the_page_is_for_those_who_may_change_such_a_connection(site, admin, alice, ollama_server, upstream):
    other = people.make_connection(upstream.url, "gpt", name="Other")
    path = f"{site.url}/admin/providers/connection/%s/server-models/"
    assert site.session(admin).get(path % other.pk).status_code == 404
    assert "login" in site.session(alice).get(path % ollama_server.pk).url
    alice.is_staff = True
    alice.save()
    assert site.session(alice).post(path % ollama_server.pk, data={"do": "pull", "model": "x"}).status_code in (
        403,
        404,
    )
    session = site.session(admin)
    del session.headers["X-CSRFToken"]
    assert session.post(path % ollama_server.pk, data={"do": "pull", "model": "x"}).status_code == 403
    assert not ModelPull.objects.exists()
    found = site.session(admin).get(f"{site.url}/admin/providers/connection/{ollama_server.pk}/change/").text
    assert "on-server" in found
    assert "on-server" not in site.session(admin).get(f"{site.url}/admin/providers/connection/{other.pk}/change/").text


def test_a_server_that_is_away_is_told_on_the_page(page, ollama_server):
    type(ollama_server).objects.filter(pk=ollama_server.pk).update(base_url=f"http://127.0.0.1:{unused_port()}/v1")
    assert "cannot be reached" in page()
