"""A provider that refuses this site: people read what to do, administrators the cause, in their own language."""

import pytest
from django.utils import timezone, translation

from chat.models import Message
from imagegen import engine_tests
from imagegen.models import ImageEngine, ImageJob
from providers import services
from providers.catalogue import health
from providers.models import Connection
from providers.process import background
from tests import people
from tests.chat.talk import Talker
from tests.upstream import openai

pytestmark = pytest.mark.django_db(transaction=True)
CANNOT = "This model cannot be used right now; the administrators were told."
CAUSE = "The provider does not accept the key (401)."
WORDS = "Incorrect API key provided."
CHINESE = {"Accept-Language": "zh-hans"}


def is_chinese(text):
    return any("\u4e00" <= char <= "\u9fff" for char in text)


@pytest.fixture
def refused(site, upstream, connection):
    """An answer that failed because the provider refused this site's key."""

    def ask(user, **headers):
        upstream.always(openai.error(401, WORDS, code="invalid_api_key"))
        talker = Talker(site, user)
        talker.session.headers.update(headers)
        started = talker.start()
        message = talker.until_over(started["chat"]["id"], started["message"]["id"])
        return talker, started["chat"]["id"], message

    return ask


def test_an_ordinary_person_reads_what_they_can_do(refused, alice, site):
    talker, chat_id, message = refused(alice)
    assert (message["error"]["message"], message["error"]["provider"]) == (CANNOT, "")
    page = talker.send("GET", f"/c/{chat_id}")
    assert CANNOT in page
    assert "Choose another model" in page
    assert WORDS not in page
    assert CAUSE not in page
    assert "/admin/" not in page


def test_an_administrator_reads_the_cause_with_a_link(refused, admin, connection):
    talker, chat_id, message = refused(admin)
    assert (message["error"]["message"], message["error"]["provider"]) == (CAUSE, WORDS)
    page = talker.send("GET", f"/c/{chat_id}")
    assert CAUSE in page
    assert f'href="/admin/providers/connection/{connection.pk}/change/"' in page


def test_the_administrators_were_really_told(refused, alice, admin, client, connection):
    refused(alice)
    background.submit(lambda: None).result(10)  # what was written before it is written
    client.force_login(admin)
    found = {row["text"]: row for row in client.get("/admin/").context["findings"]}
    row = found[f"“{connection.name}” does not work at the moment."]
    assert row["url"] == f"/admin/providers/connection/{connection.pk}/change/"
    assert CAUSE in row["hint"]


def test_a_refusal_does_not_let_the_connection_rest_and_an_answer_ends_it(refused, alice, connection, upstream, site):
    talker, chat_id, _message = refused(alice)
    assert not health.is_resting(connection.pk)
    upstream.always(openai.error(400, "Too long."))  # an answer like any other
    talker.until_over(chat_id, talker.say(chat_id, "Again?", model="m1")["message"]["id"])
    background.submit(lambda: None).result(10)
    connection.refresh_from_db()
    assert (connection.last_error, connection.last_fault) == ("", None)


def test_who_sends_their_own_credential_reads_what_they_can_do(refused, alice, connection):
    connection.auth_type = "session"
    connection.save()
    _talker, _chat_id, message = refused(alice)
    assert message["error"]["message"].startswith("The provider does not accept your sign-in (401).")
    assert (message["error"]["provider"], message["error"]["blame"]) == (WORDS, "caller")
    background.submit(lambda: None).result(10)
    connection.refresh_from_db()
    assert connection.last_error == ""


@pytest.mark.parametrize(("written_in", "read_in"), [("en", "zh-hans"), ("zh-hans", "en")])
def test_an_answers_error_is_in_the_readers_language(refused, admin, written_in, read_in):
    talker, chat_id, message = refused(admin, **{"Accept-Language": written_in})
    stored = Message.objects.get(pk=message["id"]).error
    assert stored["message"] == CAUSE
    talker.session.headers["Accept-Language"] = read_in
    assert is_chinese(talker.message(chat_id, message["id"])["error"]["message"]) == (read_in == "zh-hans")
    page = talker.send("GET", f"/c/{chat_id}")
    assert (CAUSE in page) == (read_in == "en")


@pytest.mark.parametrize(("written_in", "read_in"), [("en", "zh-hans"), ("zh-hans", "en")])
def test_a_connections_error_is_in_the_readers_language(admin, client, upstream, connection, written_in, read_in):
    upstream.always(openai.error(401, WORDS), path="/v1/models")
    with translation.override(written_in):
        services.check_connection(connection)
    connection.refresh_from_db()
    assert connection.last_error == f"{CAUSE} {WORDS}"
    client.force_login(admin)
    for address in ("/admin/", "/admin/providers/connection/", f"/admin/providers/connection/{connection.pk}/change/"):
        page = client.get(address, headers={"accept-language": read_in}).content.decode()
        assert WORDS in page
        assert (CAUSE in page) == (read_in == "en")


def test_an_error_of_an_earlier_version_shows_its_text(admin, client, connection):
    Connection.objects.filter(pk=connection.pk).update(last_error="旧的句子", last_checked=timezone.now())
    client.force_login(admin)
    assert "旧的句子" in client.get("/admin/").content.decode()


@pytest.mark.parametrize(("written_in", "read_in"), [("en", "zh-hans"), ("zh-hans", "en")])
def test_an_engines_error_is_in_the_readers_language(admin, client, upstream, written_in, read_in):
    upstream.always(openai.error(401, WORDS), path="/v1/models")
    row = ImageEngine.objects.create(name="Studio", kind="openai", url=upstream.url, secret="k")
    with translation.override(written_in):
        assert not engine_tests.check(row).ok
    client.force_login(admin)
    for address in ("/admin/", "/admin/imagegen/imageengine/"):
        page = client.get(address, headers={"accept-language": read_in}).content.decode()
        assert (CAUSE in page) == (read_in == "en")


def test_a_pictures_error_is_for_its_reader(admin, alice, client):
    from providers.upstream.error_bodies import error_of

    engine = ImageEngine.objects.create(name="Studio", kind="openai", url="http://up.invalid")
    error = error_of(401, WORDS.encode(), {}).message_body()
    job = ImageJob.objects.create(user=alice, engine=engine, prompt="A kite", state="failed", error=error)
    client.force_login(alice)
    shown = client.get(f"/api/v1/images/jobs/{job.pk}").json()["error"]
    assert (shown["message"], shown["provider"]) == (CANNOT, "")
    client.force_login(admin)
    page = client.get(f"/admin/imagegen/imagejob/{job.pk}/change/").content.decode()
    assert CAUSE in page
    page = client.get(f"/admin/imagegen/imagejob/{job.pk}/change/", headers=CHINESE).content.decode()
    assert CAUSE not in page
    assert WORDS in page


def test_a_status_line_is_in_the_readers_language(alice, client):
    from chat import events
    from chat.models import Chat
    from providers.sentences import sentence

    with translation.override("zh-hans"):
        line = {"description": sentence("Searching the web: %s") % "kites", "done": True}
        line = events.stored_step(events.with_parts(line))
    chat = Chat.objects.create(user=alice, title="Kites", model="m1")
    question = Message.objects.create(chat=chat, role="user", content="Which?")
    answer = Message.objects.create(chat=chat, parent=question, role="assistant", content="So.", status_history=[line])
    chat.leaf = answer
    chat.save()
    people.make_connection("http://up.invalid/v1", "m1")
    client.force_login(alice)
    assert "Searching the web: kites" in client.get(f"/c/{chat.pk}").content.decode()
