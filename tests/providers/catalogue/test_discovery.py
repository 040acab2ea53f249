"""Discovery of models: lists become rows, with one server, many, dead ones, prefixes and removed models."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from providers import catalogue, runtime, services
from providers.catalogue import discovery, health, snapshot_loader
from providers.errors import ConfigurationError, NetworkError, ProviderError
from providers.models import ChatModel, Connection, ModelSource
from providers.process import background
from providers.upstream import model_lists
from tests.upstream import Gate, in_html, in_json, silent_listener, unused_port


def rows():
    return {
        (source.model.public_id, source.connection.name, source.listed)
        for source in ModelSource.objects.select_related("model", "connection")
    }


def make(upstream, name="c", **fields):
    return Connection.objects.create(name=name, base_url=getattr(upstream, "url", upstream), **fields)


def offer(connection, *ids):
    return discovery.store(connection.pk, model_lists.static_list(ids))


# --- rows ---


def test_a_list_becomes_rows_with_the_prefix_written_into_the_public_id(db):
    connection = make("http://up.example/v1", prefix_id="work")

    outcome = offer(connection, "gpt-6", "vendor/model:free")

    assert rows() == {("work.gpt-6", "c", True), ("work.vendor/model:free", "c", True)}
    assert (outcome.total, outcome.added, outcome.gone) == (2, 2, 0)


def test_two_connections_with_the_same_id_are_two_sources_of_one_model(db):
    for name in ("one", "two"):
        offer(make("http://up.example/v1", name), "m")

    assert ChatModel.objects.count() == 1
    assert rows() == {("m", "one", True), ("m", "two", True)}


def test_a_model_that_is_no_longer_listed_is_marked_and_comes_back_with_its_settings(db):
    connection = make("http://up.example/v1")
    offer(connection, "a", "b")
    ChatModel.objects.filter(public_id="b").update(access="public")

    outcome = offer(connection, "a")

    assert (outcome.total, outcome.gone) == (1, 1)
    assert rows() == {("a", "c", True), ("b", "c", False)}
    assert list(catalogue.snapshot_blocking().routes) == ["a"]
    offer(connection, "a", "b")
    assert catalogue.snapshot_blocking().routes["b"].access == "public"


def test_the_same_list_again_changes_no_version(db):
    connection = make("http://up.example/v1")
    raw = {"id": "a", "created": 1}
    discovery.store(connection.pk, [model_lists.ListedModel("a", raw)])
    before = snapshot_loader.load_version()

    discovery.store(connection.pk, [model_lists.ListedModel("a", raw | {"created": 2})])

    assert snapshot_loader.load_version() == before


def test_a_new_detail_of_a_model_is_kept_and_counts(db):
    connection = make("http://up.example/v1")
    discovery.store(connection.pk, [model_lists.ListedModel("a", {"id": "a"})])
    before = snapshot_loader.load_version()

    discovery.store(connection.pk, [model_lists.ListedModel("a", {"id": "a", "name": "Model A"})])

    assert snapshot_loader.load_version() == before + 1
    assert catalogue.snapshot_blocking().routes["a"].name == "Model A"


def test_static_ids_are_the_list_as_soon_as_the_row_is_saved_and_nobody_is_asked(db, upstream):
    connection = make(upstream, model_ids=["a", "b"])

    outcome = discovery.refresh_one(connection)

    assert outcome.total == 2
    assert set(catalogue.snapshot_blocking().routes) == {"a", "b"}
    assert not upstream.history


def test_static_ids_written_in_bulk_are_the_list_too(db):
    make("http://up.example/v1", model_ids=["a", "b"])

    services.update_connections(Connection.objects.all(), model_ids=["b", "c"])

    assert set(catalogue.snapshot_blocking().routes) == {"b", "c"}


def test_static_ids_keep_the_details_that_were_discovered(db):
    connection = make("http://up.example/v1")
    discovery.store(connection.pk, [model_lists.ListedModel("a", {"id": "a", "name": "Model A"})])

    connection.model_ids = ["a"]
    connection.save()

    assert catalogue.snapshot_blocking().routes["a"].name == "Model A"


@pytest.mark.parametrize("bulk", [True, False])
def test_a_new_prefix_moves_the_models_to_new_ids_and_leaves_nothing_behind(db, bulk):
    connection = make("http://up.example/v1", prefix_id="old")
    offer(connection, "a", "b")

    if bulk:
        services.update_connections(Connection.objects.all(), prefix_id="new")
    else:
        connection.prefix_id = "new"
        connection.save()

    assert set(ChatModel.objects.values_list("public_id", flat=True)) == {"new.a", "new.b"}
    assert set(catalogue.snapshot_blocking().routes) == {"new.a", "new.b"}


def test_a_new_prefix_keeps_old_ids_that_a_person_gave_settings_or_presets(db):
    connection = make("http://up.example/v1")
    offer(connection, "settings", "base", "plain")
    ChatModel.objects.filter(public_id="settings").update(access="private")
    ChatModel.objects.create(public_id="preset", base=ChatModel.objects.get(public_id="base"))

    connection.prefix_id = "p"
    connection.save()

    assert set(ChatModel.objects.values_list("public_id", flat=True)) == {
        "settings", "base", "preset", "p.settings", "p.base", "p.plain",
    }  # fmt: skip
    assert set(catalogue.snapshot_blocking().routes) == {"p.settings", "p.base", "p.plain"}


def test_deleting_a_connection_takes_the_models_along_that_nobody_else_offers(db):
    one, two = make("http://up.example/v1", "one"), make("http://up.example/v1", "two")
    offer(one, "shared", "only", "kept")
    offer(two, "shared")
    ChatModel.objects.filter(public_id="kept").update(name="My own name")

    one.delete()

    assert set(ChatModel.objects.values_list("public_id", flat=True)) == {"shared", "kept"}


def test_prefixes_with_dots_and_ids_with_dots_are_never_taken_apart(db):
    one, two = make("http://x.example/v1", "one", prefix_id="a"), make("http://x.example/v1", "two", prefix_id="a.b")
    offer(one, "b.c")
    offer(two, "c")

    route = catalogue.snapshot_blocking().routes["a.b.c"]

    assert {(source.connection.name, source.upstream_id) for source in route.sources} == {("one", "b.c"), ("two", "c")}


def test_writing_a_long_list_takes_few_queries(db, django_assert_max_num_queries):
    connection = make("http://up.example/v1")
    with django_assert_max_num_queries(45):
        offer(connection, *(f"m{number}" for number in range(1000)))
    assert ChatModel.objects.count() == 1000


def test_an_id_too_long_for_the_column_with_its_prefix_is_left_out(db):
    connection = make("http://up.example/v1", prefix_id="p" * 50)
    assert offer(connection, "x" * 250, "y").total == 1


# --- one server ---


def test_a_server_is_asked_with_the_headers_of_every_call(db, upstream):
    connection = make(upstream, secret="the-key", headers={"X-Team": "blue"})

    discovery.refresh_one(connection)

    assert upstream.last.path == "/v1/models"
    assert upstream.last.key == "the-key"
    assert upstream.last.headers["X-Team"] == "blue"
    connection.refresh_from_db()
    assert connection.last_ok
    assert connection.listed_at
    assert connection.failures == 0


def test_ollama_is_asked_for_its_own_list_with_names_and_details(db, upstream):
    upstream.openai.models = ["gemma3:4b"]
    connection = make(upstream.origin, kind="ollama")

    discovery.refresh_one(connection)

    assert upstream.last.path == "/api/tags"
    route = catalogue.snapshot_blocking().routes["gemma3:4b"]
    assert route.sources[0].raw["details"]["parameter_size"] == "4.3B"
    assert route.description == "4.3B"
    assert route.sources[0].connection.base_url == f"{upstream.origin}/v1"


def test_a_server_called_ollama_without_that_list_is_asked_for_the_ordinary_one(db, upstream):
    upstream.script(in_json({"error": "not found"}, 404), path="/api/tags")
    connection = make(upstream.url, kind="ollama")

    assert discovery.refresh_one(connection).total == 1
    assert upstream.last.path == "/v1/models"


def test_openrouters_list_gives_names_and_says_what_the_models_can(db, upstream):
    upstream.openai.models = ["vendor/model"]
    connection = make(f"{upstream.origin}/api/v1", kind="openrouter", prefix_id="or")

    discovery.refresh_one(connection)

    route = catalogue.snapshot_blocking().routes["or.vendor/model"]
    assert route.name == "Vendor/Model (or)"
    assert route.vision is True
    assert route.tools is True


def test_a_failed_refresh_keeps_the_last_list_and_says_why(db, upstream):
    connection = make(upstream)
    discovery.refresh_one(connection)
    upstream.always(in_html(502), path="/models")

    with pytest.raises(ProviderError):
        discovery.refresh_one(connection)

    assert set(catalogue.snapshot_blocking().routes) == {"m1"}
    connection.refresh_from_db()
    assert connection.failures == 1
    assert "502" in connection.last_error
    assert connection.next_try > timezone.now()


def test_a_server_that_is_not_there_is_a_network_error(db):
    with pytest.raises(NetworkError):
        discovery.refresh_one(make(f"http://127.0.0.1:{unused_port()}/v1"))


def test_azures_deployments_without_ids_are_said_to_need_them(db):
    with pytest.raises(ConfigurationError):
        discovery.refresh_one(make("http://r.example", kind="azure"))


# --- many servers ---


def test_all_servers_are_asked_at_once_and_a_silent_one_delays_nobody(transactional_db, start_upstream, settings):
    settings.MODEL_LIST_TIMEOUT = 20
    gates = [Gate(), Gate()]
    barrier = threading.Barrier(3)
    servers = [start_upstream(), start_upstream()]
    for server, gate in zip(servers, gates, strict=True):
        server.script(in_json({"data": [{"id": f"m{server.port}"}]}).with_(before=[gate]), path="/models")
        make(server, f"c{server.port}")
    with silent_listener() as port:
        make(f"http://127.0.0.1:{port}/v1", "silent")
        done = threading.Thread(target=lambda: (barrier.wait(), [(gate.wait(), gate.open()) for gate in gates]))
        done.start()
        runner = threading.Thread(target=lambda: (barrier.wait(), discovery.refresh(timeout=0.01)))
        runner.start()
        barrier.wait()
        done.join()  # both gates were reached: both servers were asked while the silent one said nothing
        runner.join()
        while ModelSource.objects.count() < 2:
            background.drain()
        assert Connection.objects.filter(listed_at=None).get().name == "silent"


def test_a_dead_server_is_left_in_peace_until_its_pause_is_over(transactional_db, upstream):
    connection = make(upstream, failures=3, next_try=timezone.now() + timedelta(minutes=1))

    discovery.refresh_due(timeout=10)
    assert not upstream.history
    Connection.objects.quietly().filter(pk=connection.pk).update(next_try=timezone.now())
    discovery.refresh_due(timeout=10)

    assert upstream.asked("/models")


@pytest.mark.parametrize("column", ["listed_at", "next_try"])
def test_a_time_ahead_of_the_clock_keeps_no_list_old(transactional_db, upstream, settings, column):
    settings.MODELS_CACHE_TTL = 300
    old = timezone.now() - timedelta(hours=1)
    make(upstream, **{"listed_at": old, column: timezone.now() + timedelta(days=2)})
    discovery.refresh_due(timeout=10)
    assert upstream.asked("/models")


def test_a_list_is_asked_for_again_once_it_is_old(transactional_db, upstream, settings):
    settings.MODELS_CACHE_TTL = 300
    connection = make(upstream, listed_at=timezone.now() - timedelta(seconds=200))
    discovery.refresh_due(timeout=10)
    assert not upstream.history

    Connection.objects.quietly().filter(pk=connection.pk).update(listed_at=timezone.now() - timedelta(seconds=301))
    discovery.refresh_due(timeout=10)

    assert len(upstream.asked("/models")) == 1


def test_without_an_age_limit_a_list_is_asked_for_once(transactional_db, upstream, settings):
    settings.MODELS_CACHE_TTL = None
    make(upstream)
    for _ in range(3):
        discovery.refresh_due(timeout=10)
    assert len(upstream.asked("/models")) == 1


def test_a_failure_in_the_fan_out_is_written_with_its_pause_and_ends_with_an_answer(transactional_db, upstream):
    upstream.script(in_html(503), path="/models")
    connection = make(upstream)

    outcomes = discovery.refresh(timeout=10)
    background.drain()

    assert outcomes[connection.pk].error.status == 503
    connection.refresh_from_db()
    assert (connection.failures, health.is_resting(connection.pk)) == (1, True)
    discovery.refresh(timeout=10)
    background.drain()
    connection.refresh_from_db()
    assert (connection.failures, connection.next_try) == (0, None)


def test_looking_at_the_catalogue_refreshes_old_lists_behind(transactional_db, upstream):
    make(upstream)

    assert not catalogue.snapshot_blocking().routes
    background.drain()
    discovery.drain()
    background.drain()

    assert set(catalogue.snapshot_blocking().routes) == {"m1"}


def test_a_connection_that_needs_a_person_is_not_asked_behind(transactional_db, upstream):
    make(upstream, auth_type="session")

    discovery.refresh_due(timeout=10)

    assert not upstream.history


def test_a_person_who_asks_lends_a_credential_to_a_connection_that_needs_one(transactional_db, upstream):
    from providers.callers import caller_for_user

    user = get_user_model().objects.create_superuser("a@example.org", "x")
    connection = make(upstream, auth_type="session")

    discovery.refresh_one(connection, by=caller_for_user(user))

    assert upstream.last.key.startswith("st-")


def test_the_end_of_a_process_waits_for_no_silent_server(transactional_db, upstream):
    gate = Gate()
    upstream.script(in_json({"data": [{"id": "m1"}]}).with_(before=[gate]), path="/models")
    make(upstream)
    discovery.refresh(timeout=0.01)
    gate.wait()

    runtime.close()

    assert "discovery" not in [thread.name for thread in threading.enumerate()]
    gate.open()


def test_the_columns_after_whose_change_a_server_is_asked_again_follow_from_the_model():
    names = {column.name for column in Connection._meta.concrete_fields}
    assert names >= discovery.UNLISTED_COLUMNS
    assert names - discovery.UNLISTED_COLUMNS == discovery.LISTED_COLUMNS
    assert {"base_url", "kind", "secret", "auth_options", "verify_tls", "ca_file"} <= discovery.LISTED_COLUMNS


def test_another_server_offers_nothing_of_the_old_ones_list_until_it_lists_it(db, upstream, start_upstream):
    row = make(upstream)
    discovery.refresh_one(row)
    ChatModel.objects.update(name="Ours")
    assert row.sources.filter(listed=True).exists()

    row.base_url = "http://127.0.0.1:9/v1"
    row.save()

    assert not row.sources.filter(listed=True).exists()
    row.base_url = start_upstream().url
    row.save()
    discovery.refresh_one(row)
    assert row.sources.filter(listed=True).exists()
    assert set(ChatModel.objects.values_list("name", flat=True)) == {"Ours"}
