"""The first rows from the environment: their values, when they apply, and what stays deleted."""

import re
import threading

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from providers import services
from providers.config import first_rows
from providers.models import ChatModel, Connection, GatewaySettings

URLS = ("OPENAI_API_BASE_URLS", "OPENAI_API_KEYS")


@pytest.fixture
def env(settings):
    """An empty environment, in which no list is waited for; tests set variables in it."""
    settings.WEBUI_DEMO = False
    settings.ENABLE_PERSISTENT_CONFIG = True
    settings.OPENAI_API_BASE_URLS, settings.OPENAI_API_KEYS, settings.OPENAI_API_CONFIGS = [], [], {}
    settings.OPENAI_API_BASE_URL = settings.OPENAI_API_KEY = ""
    settings.MODELS_CACHE_TTL = 300
    return settings


@pytest.fixture(autouse=True)
def _no_lists(monkeypatch):
    monkeypatch.setattr(first_rows, "LIST_SECONDS", 0)


def real():
    return list(Connection.objects.filter(demo=False).order_by("position"))


def test_nothing_set_makes_the_demo_connection_alone(transactional_db, env):
    env.WEBUI_DEMO = True
    first_rows.fill_from_environment()
    row = Connection.objects.get()
    assert (row.name, row.demo, row.auth_type, row.base_url) == ("Demo", True, "none", "http://demo.localhost/v1")


def test_lists_of_addresses_and_keys_belong_together_by_index(transactional_db, env):
    env.OPENAI_API_BASE_URLS = ["https://a.invalid/v1/", "", "http://b.invalid:8080"]
    env.OPENAI_API_KEYS = ["key-a"]
    env.OPENAI_API_CONFIGS = {"0": {"prefix_id": "a"}, "http://b.invalid:8080": {"enable": False}}

    first_rows.fill_from_environment()

    assert [(r.base_url, r.secret, r.prefix_id, r.enabled) for r in real()] == [
        ("https://a.invalid/v1", "key-a", "a", True),
        ("https://api.openai.com/v1", "", "", True),
        ("http://b.invalid:8080", "", "", False),
    ]


def test_connections_without_names_get_names_that_tell_them_apart(transactional_db, env):
    env.OPENAI_API_BASE_URLS = [
        "https://api.openai.com/v1",
        "http://127.0.0.1:9001/v1",
        "http://127.0.0.1:9002/v1",
        "http://127.0.0.1:9002/other/v1",
        "https://api.openai.com/v1",
        "https://api.openai.com/v1",
    ]
    env.OPENAI_API_KEYS = ["a", "b", "c", "d", "e", "f"]

    first_rows.fill_from_environment()

    assert [r.name for r in real()] == [
        "OpenAI",
        "127.0.0.1",
        "127.0.0.1:9002",
        "127.0.0.1:9002/other",
        "OpenAI 2",
        "OpenAI 3",
    ]


@pytest.mark.parametrize(
    ("url", "key", "expected"),
    [
        ("https://one.invalid/v1", "k", ("https://one.invalid/v1", "k")),
        ("https://one.invalid/v1", "", ("https://one.invalid/v1", "")),
        ("", "k", ("https://api.openai.com/v1", "k")),
    ],
)
def test_the_single_variables_stand_in_for_the_lists(transactional_db, env, url, key, expected):
    env.OPENAI_API_BASE_URL, env.OPENAI_API_KEY = url, key
    first_rows.fill_from_environment()
    assert [(r.base_url, r.secret) for r in real()] == [expected]


def test_a_wrong_setting_stops_the_start_and_names_itself(transactional_db, env):
    env.OPENAI_API_BASE_URLS = ["https://a.invalid"]
    env.OPENAI_API_CONFIGS = {"0": {"auth_type": "magic"}}
    with pytest.raises(ImproperlyConfigured, match=r"OPENAI_API_CONFIGS\.0\.auth_type"):
        first_rows.fill_from_environment()
    assert not real()


def test_rows_win_at_the_second_start(transactional_db, env):
    env.OPENAI_API_BASE_URLS, env.OPENAI_API_KEYS = ["https://a.invalid/v1"], ["old"]
    env.ENABLE_OPENAI_API = True
    first_rows.fill_from_environment()
    Connection.objects.update(secret="edited", name="Mine")
    GatewaySettings.objects.update(enable_openai_api=False)

    env.OPENAI_API_KEYS = ["new"]
    first_rows.fill_from_environment()

    assert [(r.name, r.secret) for r in real()] == [("Mine", "edited")]
    assert GatewaySettings.load().enable_openai_api is False


def test_deleted_connections_stay_deleted(transactional_db, env):
    env.OPENAI_API_BASE_URLS = ["https://a.invalid/v1"]
    first_rows.fill_from_environment()
    Connection.objects.all().delete()

    first_rows.fill_from_environment()

    assert not real()


def test_without_persistent_configuration_the_environment_wins_at_every_start(transactional_db, env):
    env.ENABLE_PERSISTENT_CONFIG = False
    env.ENABLE_OPENAI_API = True
    env.OPENAI_API_BASE_URLS, env.OPENAI_API_KEYS = ["https://a.invalid/v1", "https://b.invalid/v1"], ["a", "b"]
    first_rows.fill_from_environment()
    a, b = real()
    Connection.objects.update(secret="edited")
    GatewaySettings.objects.update(enable_openai_api=False)

    env.OPENAI_API_KEYS = ["a2", "b"]
    first_rows.fill_from_environment()

    assert [(r.pk, r.secret) for r in real()] == [(a.pk, "a2"), (b.pk, "b")]
    assert GatewaySettings.load().enable_openai_api is True


def test_a_later_start_writes_only_what_variables_set(transactional_db, env):
    env.ENABLE_PERSISTENT_CONFIG = False
    env.ENABLE_OPENAI_API = None
    env.TASK_MODEL, env.TASK_MODEL_EXTERNAL = "small", ""
    env.OPENAI_API_BASE_URLS, env.OPENAI_API_KEYS = ["https://a.invalid/v1", "https://b.invalid/v1"], ["a"]
    env.OPENAI_API_CONFIGS = {"0": {"prefix_id": "work", "enable": True}}
    first_rows.fill_from_environment()
    a, b = real()
    for row in (a, b):
        row.name, row.tags, row.model_ids, row.access, row.position = f"My {row.pk}", ["fast"], ["m"], "private", 7
        row.prefix_id, row.enabled, row.connection_type = "mine", False, "local"
        row.enter("secret", "mine")
        row.enter("headers", {"X-Team": "blue"})
        row.save()
    own = Connection.objects.create(name="Own", base_url="https://own.invalid/v1", position=9)
    GatewaySettings.objects.update(enable_openai_api=False, task_model="large", task_model_external="mine")

    first_rows.fill_from_environment()

    a.refresh_from_db()
    assert (a.prefix_id, a.enabled, a.secret) == ("work", True, "a")
    b.refresh_from_db()
    assert (b.prefix_id, b.enabled, b.secret) == ("mine", False, "mine")
    for row in (a, b):
        assert (row.name, row.tags, row.model_ids, row.access) == (f"My {row.pk}", ["fast"], ["m"], "private")
        assert (row.position, row.connection_type, row.headers) == (7, "local", {"X-Team": "blue"})
    assert Connection.objects.filter(pk=own.pk).exists()
    settings_row = GatewaySettings.load()
    assert (settings_row.enable_openai_api, settings_row.task_model, settings_row.task_model_external) == (
        False,
        "small",
        "mine",
    )


def test_a_later_start_that_changes_nothing_makes_no_version(transactional_db, env):
    env.ENABLE_PERSISTENT_CONFIG = False
    env.OPENAI_API_BASE_URLS, env.OPENAI_API_KEYS = ["https://a.invalid/v1"], ["a"]
    env.OPENAI_API_CONFIGS = {"0": {"tags": [{"name": "fast"}], "headers": {"X-Team": "blue"}}}
    first_rows.fill_from_environment()
    first_rows.fill_from_environment()
    assert real()[0].history.count() == 1
    env.OPENAI_API_BASE_URLS = ["https://a.invalid/v1", "https://new.invalid/v1"]
    first_rows.fill_from_environment()
    assert [(row.base_url, row.position) for row in real()][1] == ("https://new.invalid/v1", 1)


def test_pages_say_what_the_environment_holds(client, admin, env):
    env.OPENAI_API_BASE_URLS, env.OPENAI_API_KEYS = ["https://a.invalid/v1"], ["a"]
    env.OPENAI_API_CONFIGS = {"0": {"prefix_id": "work"}}
    env.TASK_MODEL = "small"
    row = Connection.objects.create(name="A", base_url="https://a.invalid/v1", listed_at="2026-11-01T00:00:00Z")
    own = Connection.objects.create(name="Own", base_url="https://own.invalid/v1", listed_at="2026-11-01T00:00:00Z")
    GatewaySettings.load()
    client.force_login(admin)
    pages = {
        f"/admin/providers/connection/{row.pk}/change/": {
            "OPENAI_API_BASE_URLS",
            "OPENAI_API_KEYS",
            "OPENAI_API_CONFIGS",
        },
        f"/admin/providers/connection/{own.pk}/change/": set(),
        "/admin/providers/gatewaysettings/1/change/": {"TASK_MODEL"},
    }
    for persistent in (True, False):
        env.ENABLE_PERSISTENT_CONFIG = persistent
        for path, names in pages.items():
            page = client.get(path).content.decode()
            told = set(re.findall(r"at every start it is what (\w+) says", page))
            assert told == (set() if persistent else names), path
        listed = client.get("/admin/providers/connection/").content.decode()
        assert listed.count(">Environment<") == (0 if persistent else 1)


def test_without_persistent_configuration_and_without_variables_rows_stay(transactional_db, env):
    Connection.objects.create(name="Mine", base_url="https://a.invalid/v1", listed_at="2026-11-01T00:00:00Z")
    env.ENABLE_PERSISTENT_CONFIG = False
    first_rows.fill_from_environment()
    assert [r.name for r in real()] == ["Mine"]


def test_the_demo_that_was_removed_stays_away(transactional_db, env):
    env.WEBUI_DEMO = True
    first_rows.fill_from_environment()
    services.remove_demo()
    first_rows.fill_from_environment()
    assert not Connection.objects.exists()


def test_switching_the_demo_off_removes_it_and_switching_it_on_brings_it_back(transactional_db, env):
    env.WEBUI_DEMO = True
    first_rows.fill_from_environment()
    env.WEBUI_DEMO = False
    first_rows.fill_from_environment()
    assert not Connection.objects.exists()
    env.WEBUI_DEMO = True
    first_rows.fill_from_environment()
    assert Connection.objects.get().demo


def test_real_connections_from_the_environment_need_no_demo(transactional_db, env):
    env.WEBUI_DEMO = True
    env.OPENAI_API_BASE_URLS = ["https://a.invalid/v1"]
    first_rows.fill_from_environment()
    assert [row.demo for row in Connection.objects.all()] == [False]


def test_two_starts_at_once_make_every_row_once(transactional_db, env):
    env.OPENAI_API_BASE_URLS = ["https://a.invalid/v1", "https://b.invalid/v1"]
    errors = []

    def start():
        try:
            first_rows.fill_from_environment()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not errors
    assert [r.base_url for r in real()] == ["https://a.invalid/v1", "https://b.invalid/v1"]


def test_the_models_of_a_seeded_connection_are_there_after_the_start(transactional_db, env, upstream, monkeypatch):
    monkeypatch.setattr(first_rows, "LIST_SECONDS", 10)
    env.OPENAI_API_BASE_URLS = [upstream.url]
    first_rows.fill_from_environment()
    assert [model.public_id for model in ChatModel.objects.all()] == ["m1"]
