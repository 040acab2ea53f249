"""The snapshot: its freshness, its queries, and its use while the database is away."""

import asyncio
import threading

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import OperationalError, transaction
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from providers import catalogue, runtime, versioning
from providers.catalogue import health, snapshot_loader, snapshots
from providers.errors import Unavailable
from providers.models import Budget, ChatModel, ConfigVersion, Connection, GatewaySettings, ModelSource, Price
from providers.process import background
from providers.relay import source_order

pytestmark = pytest.mark.django_db(transaction=True)


def make_connection(name="c", **fields):
    values = {"listed_at": timezone.now(), **fields}  # fresh: nobody asks these servers behind
    return Connection.objects.create(name=name, base_url=f"http://{name}.example/v1/", **values)


def make_model(public_id, *connections, **fields):
    model = ChatModel.objects.create(public_id=public_id, **fields)
    for connection in connections:
        ModelSource.objects.create(model=model, connection=connection, upstream_id=public_id, raw={"id": public_id})
    return model


@pytest.fixture(autouse=True)
def _clean():
    yield
    background.drain()


def test_a_route_carries_its_sources_by_position():
    second, first = make_connection("second", position=2), make_connection("first", position=1)
    make_model("m", second, first)

    route = catalogue.snapshot_blocking().routes["m"]

    assert [source.connection.name for source in route.sources] == ["first", "second"]
    assert route.sources[0].connection.base_url == "http://first.example/v1"


def test_disabled_connections_disabled_models_and_unlisted_sources_drop_out():
    on, off = make_connection("on"), make_connection("off", enabled=False)
    make_model("of-a-disabled-connection", off)
    make_model("disabled", on, enabled=False)
    make_model("unlisted", on).sources.update(listed=False)
    make_model("kept", on, off)

    routes = catalogue.snapshot_blocking().routes

    assert list(routes) == ["kept"]
    assert [source.connection.name for source in routes["kept"].sources] == ["on"]


def test_whether_a_model_calls_functions_is_the_rows_word_then_the_providers_and_never_the_demos():
    one, demo = make_connection("one"), make_connection("demo", demo=True)
    said = make_model("said", one)
    said.sources.update(raw={"id": "said", "supported_parameters": ["tools"]})
    make_model("script", demo).sources.update(raw={"id": "script", "capabilities": ["tools"]})
    make_model("unknown", one)
    make_model("told", one, tools=True)
    denied = make_model("denied", one, tools=False)
    denied.sources.update(raw={"id": "denied", "capabilities": ["tools"]})
    ChatModel.objects.create(public_id="preset", base=said)
    ChatModel.objects.create(public_id="preset-without", base=said, tools=False)

    tools = {name: route.tools for name, route in catalogue.snapshot_blocking().routes.items()}

    assert tools == {
        "said": True,
        "script": False,
        "unknown": None,
        "told": True,
        "denied": False,
        "preset": True,
        "preset-without": False,
    }


def test_an_edit_in_this_process_is_seen_by_the_next_request():
    connection = make_connection()
    make_model("m", connection)
    assert "m" in catalogue.snapshot_blocking().routes

    Connection.objects.filter(pk=connection.pk).update(enabled=False)

    assert "m" not in catalogue.snapshot_blocking().routes


def test_an_edit_by_another_process_is_seen_once_the_trust_ends():
    make_model("m", make_connection())
    catalogue.snapshot_blocking()
    # another process: its writes move the version, but nobody tells this process
    ChatModel.objects.quietly().filter(public_id="m").update(enabled=False)
    versioning.bump()

    assert "m" in catalogue.snapshot_blocking().routes
    runtime.state(snapshots.Snapshots).fresh_until = 0.0

    assert "m" not in catalogue.snapshot_blocking().routes


def test_an_unchanged_version_keeps_the_very_same_snapshot(settings):
    settings.CONFIG_CHECK_SECONDS = 0
    make_model("m", make_connection())

    assert catalogue.snapshot_blocking() is catalogue.snapshot_blocking()


def test_a_flushed_version_row_does_not_keep_old_rows_alive():
    make_model("m", make_connection())
    assert catalogue.snapshot_blocking().routes
    # what the end of a transactional test does
    ConfigVersion.objects.all().delete()
    ModelSource.objects.quietly().all().delete()
    catalogue.forget()
    assert not catalogue.snapshot_blocking().routes

    make_model("n", make_connection("d"))

    assert list(catalogue.snapshot_blocking().routes) == ["n"]


def test_the_number_of_queries_does_not_grow_with_rows(django_assert_num_queries):
    def build(count):
        group = Group.objects.create(name=f"g{count}")
        for number in range(count):
            connection = make_connection(f"c{count}-{number}")
            connection.groups.add(group)
            make_model(f"m{count}-{number}", connection).groups.add(group)
            Price.objects.create(pattern=f"m{count}-{number}", connection=connection, input=1)
            Budget.objects.create(group=group, unit="tokens", amount=1)

    build(1)
    with django_assert_num_queries(11):
        snapshot_loader.load_snapshot(snapshot_loader.load_version())
    build(15)
    with django_assert_num_queries(11):
        snapshot_loader.load_snapshot(snapshot_loader.load_version())


async def test_many_requests_at_once_make_one_look(settings, monkeypatch):
    settings.CONFIG_CHECK_SECONDS = 60
    await sync_to_async(make_model)("m", await sync_to_async(make_connection)())
    catalogue.forget()
    threads = set()
    load = snapshot_loader.load_version
    looks = []
    monkeypatch.setattr(
        snapshot_loader, "load_version", lambda: (looks.append(1), threads.add(threading.current_thread()), load())[2]
    )

    found = await asyncio.gather(*(catalogue.snapshot() for _ in range(50)))

    assert len(looks) == 1
    assert len({id(one) for one in found}) == 1
    assert threads != {threading.current_thread()}


async def test_a_request_that_is_cancelled_does_not_cancel_the_look_of_the_others():
    await sync_to_async(make_model)("m", await sync_to_async(make_connection)())
    catalogue.forget()
    first, second = asyncio.ensure_future(catalogue.snapshot()), asyncio.ensure_future(catalogue.snapshot())
    await asyncio.sleep(0)

    first.cancel()

    assert "m" in (await second).routes


async def test_a_database_that_is_away_costs_freshness_and_no_request(settings, monkeypatch):
    settings.CONFIG_CHECK_SECONDS = 0
    await sync_to_async(make_model)("m", await sync_to_async(make_connection)())
    before = await catalogue.snapshot()

    def away():
        raise OperationalError("the database is away")

    monkeypatch.setattr(snapshot_loader, "load_version", away)
    assert await catalogue.snapshot() is before
    assert await sync_to_async(catalogue.snapshot_blocking)() is before
    monkeypatch.undo()
    await sync_to_async(ChatModel.objects.all().update)(enabled=False)

    await catalogue.snapshot()  # the first look after an outage runs behind
    await sync_to_async(background.drain)()
    assert "m" not in (await catalogue.snapshot()).routes


async def test_a_database_that_hangs_holds_one_request_for_a_moment_and_then_none(settings, monkeypatch):
    settings.CONFIG_CHECK_SECONDS = 0
    monkeypatch.setattr(snapshots, "PATIENCE", 0.05)
    await sync_to_async(make_model)("m", await sync_to_async(make_connection)())
    before = await catalogue.snapshot()
    back = threading.Event()
    load = snapshot_loader.load_version
    monkeypatch.setattr(snapshot_loader, "load_version", lambda: (back.wait(10), load())[1])
    try:
        assert await asyncio.wait_for(catalogue.snapshot(), 5) is before
        for _ in range(20):
            assert await asyncio.wait_for(catalogue.snapshot(), 5) is before
    finally:
        back.set()


async def test_without_any_snapshot_a_database_that_is_away_is_said_in_words(monkeypatch):
    def away():
        raise OperationalError("the database is away")

    monkeypatch.setattr(snapshot_loader, "load_version", away)
    await sync_to_async(runtime.replace)()

    with pytest.raises(Unavailable) as caught:
        await catalogue.snapshot()
    assert caught.value.code == "database_unavailable"
    assert caught.value.status == 503


def test_inside_a_transaction_the_uncommitted_rows_are_seen_and_not_kept():
    connection = make_connection()
    catalogue.snapshot_blocking()
    with transaction.atomic():
        make_model("m", connection)
        assert "m" in catalogue.snapshot_blocking().routes
        transaction.set_rollback(True)

    assert "m" not in catalogue.snapshot_blocking().routes


@pytest.mark.parametrize(
    "edit",
    [
        lambda: make_connection("new"),
        lambda: Connection.objects.get().delete(),
        lambda: Connection.objects.get().groups.add(Group.objects.get()),
        lambda: ChatModel.objects.get().save(),
        lambda: ChatModel.objects.get().users.set(get_user_model().objects.all()),
        lambda: ModelSource.objects.get().delete(),
        lambda: ModelSource.objects.all().delete(),
        lambda: GatewaySettings.load(),
        lambda: Group.objects.get().delete(),
        lambda: get_user_model().objects.get().groups.add(Group.objects.get()),
        lambda: get_user_model().objects.get().delete(),
    ],
)
def test_a_change_of_configuration_moves_the_version(edit):
    Group.objects.create(name="g")
    get_user_model().objects.create_user("a@example.org")
    make_model("m", make_connection())
    before = snapshot_loader.load_version()

    edit()

    assert snapshot_loader.load_version() > before


def test_a_user_who_is_deactivated_moves_the_version_and_a_sign_in_does_not():
    user = get_user_model().objects.create_user("a@example.org", "x")
    versioning.bump()
    before = snapshot_loader.load_version()
    user.preferences = {"theme": "dark"}
    user.save()
    user.save(update_fields=["last_login"])
    assert snapshot_loader.load_version() == before

    user.is_active = False
    user.save()

    assert snapshot_loader.load_version() > before


def test_health_is_no_configuration():
    connection = make_connection()
    before = snapshot_loader.load_version()

    Connection.objects.quietly().filter(pk=connection.pk).update(failures=3)
    connection.save(update_fields=["failures", "last_error"])

    assert snapshot_loader.load_version() == before


def test_deleting_a_connection_counts_once_however_many_models_go_with_it(django_assert_max_num_queries):
    connection = make_connection()
    for number in range(20):
        make_model(f"m{number}", connection)
    before = snapshot_loader.load_version()

    connection.delete()

    assert snapshot_loader.load_version() == before + 1


def test_a_call_tries_a_resting_connection_last(caller_of):
    first, second = make_connection("first", position=1), make_connection("second", position=2)
    make_model("m", first, second)
    sources = catalogue.snapshot_blocking().route_for(caller_of(role="admin"), "m").sources
    health.failed(first.pk, OSError("no"))
    assert [source.connection.name for source in source_order.in_order(sources)] == ["second", "first"]

    health.answered(first.pk, 5)

    assert [source.connection.name for source in source_order.in_order(sources)] == ["first", "second"]
    background.drain()
    first.refresh_from_db()
    assert (first.failures, first.last_error, first.next_try) == (0, "", None)
    assert first.last_duration_ms == 5


def test_a_resting_connection_changes_no_fact_of_a_route(caller_of):
    local = make_connection("local", position=1, connection_type="local", demo=True)
    other = make_connection("other", position=2)
    make_model("m", local, other)
    admin = caller_of(role="admin")
    health.failed(local.pk, OSError("no"))

    route = catalogue.snapshot_blocking().route_for(admin, "m")

    assert [source.connection.name for source in route.sources] == ["local", "other"]
    assert (route.is_local, route.is_demo) == (True, False)


def test_a_failure_is_written_to_the_row_in_words_with_a_growing_pause():
    from providers.errors import NetworkError

    connection = make_connection()
    for _ in range(3):
        health.failed(connection.pk, NetworkError("The provider did not answer."))
    background.drain()

    connection.refresh_from_db()

    assert connection.failures == 3
    assert connection.last_error == "The provider did not answer."
    assert (connection.next_try - connection.last_checked).total_seconds() == health.pause_after(3) == 20
    assert not connection.history.filter(history_type="~").exists()


def test_editing_a_connection_ends_its_pause():
    connection = make_connection()
    make_model("m", connection)
    catalogue.snapshot_blocking()
    health.failed(connection.pk, OSError("no"))
    assert health.is_resting(connection.pk)

    connection.base_url = "http://elsewhere.example/v1"
    connection.save()
    catalogue.snapshot_blocking()

    assert not health.is_resting(connection.pk)


@pytest.mark.parametrize(
    "edit",
    [
        lambda: Connection.objects.get().save(),
        lambda: Connection.objects.get().delete(),
        lambda: Connection.objects.all().update(name="n"),
        lambda: Connection.objects.all().delete(),
        lambda: Connection.objects.get().groups.add(Group.objects.get()),
        lambda: ChatModel.objects.get().users.clear(),
        lambda: get_user_model().objects.get().groups.add(Group.objects.get()),
        lambda: Group.objects.get().delete(),
    ],
)
def test_in_a_transaction_the_version_is_written_first_so_that_writers_never_wait_in_a_circle(edit):
    group = Group.objects.create(name="g")
    user = get_user_model().objects.create_user("a@example.org")
    model = make_model("m", make_connection())
    model.users.add(user)
    model.groups.add(group)

    with CaptureQueriesContext(database) as captured, transaction.atomic():
        edit()

    writes = [query["sql"] for query in captured if query["sql"].startswith(("UPDATE", "INSERT", "DELETE"))]
    assert "providers_configversion" in writes[0]
    assert len(writes) > 1
