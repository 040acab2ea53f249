"""The management commands of `providers`."""

import io

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection as database

from imagegen.models import ImageEngine
from providers import callers, checkup
from providers.models import ClientKey, Connection, SignIn, key_digest
from tests.providers.auth.test_system_oauth import keep
from tests.upstream import in_json, unused_port


def run(*words, **options):
    out = io.StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


# --- create_api_key ---


@pytest.mark.django_db(transaction=True)  # the uses of keys are written in a thread
def test_a_key_is_printed_alone_on_the_last_line_and_kept_as_a_digest(alice):
    output = run("create_api_key", "Alice@Example.com", "--name", "script")

    key = output.strip().splitlines()[-1]
    row = ClientKey.objects.get()
    assert key.startswith("sk-")
    assert (row.user, row.name, row.digest) == (alice, "script", key_digest(key))
    assert key.startswith(row.prefix)
    assert key not in str(vars(row))
    assert callers.caller_for_key_blocking(key).user_id == alice.pk


def test_a_key_for_nobody_is_a_clear_error(db):
    with pytest.raises(CommandError, match=r"Nobody here has the e-mail address nobody@example\.com"):
        run("create_api_key", "nobody@example.com")


def test_a_key_for_an_inactive_account_is_a_clear_error(alice):
    alice.is_active = False
    alice.save()
    with pytest.raises(CommandError, match="not active"):
        run("create_api_key", alice.email)


# --- check_connections ---


def test_connections_that_answer_are_ok(transactional_db, connection):
    output = run("check_connections")
    assert "ok" in output
    assert "Scripted" in output
    assert "1 model" in output


def test_one_connection_that_fails_ends_with_code_1_and_says_why(transactional_db, connection, upstream):
    Connection.objects.create(name="Dead", base_url=f"http://127.0.0.1:{unused_port()}/v1")
    Connection.objects.create(name="Off", base_url="http://off.invalid/v1", enabled=False)
    out = io.StringIO()

    with pytest.raises(CommandError, match="1 of 2 failed") as caught:
        call_command("check_connections", stdout=out)

    assert caught.value.returncode == 1
    assert "FAILED  Dead" in out.getvalue()
    assert "Off" not in out.getvalue()
    assert Connection.objects.get(name="Dead").failures == 1


def test_a_refused_key_is_a_failure_in_the_providers_words(transactional_db, connection, upstream):
    upstream.always(in_json({"error": {"message": "Incorrect API key provided: x"}}, 401), path="/models")
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("check_connections", stdout=out)
    assert "Incorrect API key provided: x" in out.getvalue()


def test_what_cannot_be_tested_here_is_no_failure(transactional_db, connection):
    Connection.objects.create(name="Personal", base_url=connection.base_url, auth_type="session", model_ids=["a"])
    output = run("check_connections")
    assert "–       Personal" in output
    assert "cannot be tested here, because" in output


def test_an_engine_with_the_credential_of_people_is_no_failure(transactional_db, connection):
    Connection.objects.filter(pk=connection.pk).update(auth_type="session", model_ids=["m1"])
    engine = ImageEngine.objects.create(name="Personal engine", kind="openai", connection=connection)
    assert "–       Personal engine" in run("check_connections")
    engine.refresh_from_db()
    assert (engine.last_checked, engine.last_error) == (None, "")


def test_what_needs_a_look_is_marked_and_is_no_failure(transactional_db, connection, upstream):
    upstream.openai.models = []
    assert "check   Scripted" in run("check_connections")


def test_without_connections_there_is_nothing_to_test(transactional_db):
    assert "nothing to check" in run("check_connections")


def test_other_apps_add_what_is_checked(transactional_db):
    def printers(sender, **_more):
        return [checkup.CheckSubject("printer", lambda: checkup.CheckReport("printer", True, "prints"))]

    checkup.listing.connect(printers)
    try:
        assert "printer  prints" in run("check_connections")
    finally:
        checkup.listing.disconnect(printers)


# --- rotate_secrets ---


def stored(row):
    with database.cursor() as cursor:
        cursor.execute("SELECT secret FROM providers_connection WHERE id = %s", [row.pk])
        return cursor.fetchone()[0]


def test_secrets_are_encrypted_with_the_newest_key(db, settings):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [old]
    row = Connection.objects.create(name="c", base_url="https://a.invalid/v1", secret="the-key")
    before = stored(row)
    assert "the-key" not in before

    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    run("rotate_secrets")

    assert stored(row) != before
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert Connection.objects.get().secret == "the-key"


def test_a_token_that_is_renewed_meanwhile_stays_as_it_is(alice):
    rows = [keep(alice, token=f"token-{number}") for number in range(2)]

    def renew(execute, sql, params, many, context):
        """At the first write: a call renews tokens."""
        if sql.startswith("UPDATE") and not renewed:
            renewed.append(sql)
            SignIn.objects.filter(pk=rows[1].pk).update(token="token-9")
        return execute(sql, params, many, context)

    renewed: list[str] = []
    with database.execute_wrapper(renew):
        run("rotate_secrets")

    assert renewed
    rows[1].refresh_from_db()
    assert rows[1].token == "token-9"


def test_a_secret_that_no_key_reads_stays_and_is_named(db, settings):
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    row = Connection.objects.create(name="c", base_url="https://a.invalid/v1", secret="the-key")
    before = stored(row)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(CommandError, match=f"providers.Connection {row.pk}"):
        run("rotate_secrets")

    assert stored(row) == before


def test_picture_engines_are_tested_too(transactional_db):

    facts = {"purpose": "generate", "kind": "automatic1111"}
    ImageEngine.objects.create(name="Studio", url=f"http://127.0.0.1:{unused_port()}", **facts)
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 of 1 failed"):
        call_command("check_connections", stdout=out)
    assert "FAILED  Studio" in out.getvalue()
