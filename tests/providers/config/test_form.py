"""The flat form of connections: reading, writing, and validation."""

import pytest

from providers import config
from providers.errors import BadRequest
from providers.models import Connection, GatewaySettings

pytestmark = pytest.mark.django_db

KEY = "sk-upstream-0123456789"


def form(*urls, keys=(), configs=None, **more):
    return {
        "OPENAI_API_BASE_URLS": list(urls),
        "OPENAI_API_KEYS": list(keys),
        "OPENAI_API_CONFIGS": configs or {},
        **more,
    }


def rows():
    return list(Connection.objects.order_by("position"))


def test_an_empty_site_has_empty_lists():
    assert config.read() == {
        "ENABLE_OPENAI_API": True,
        "OPENAI_API_BASE_URLS": [],
        "OPENAI_API_KEYS": [],
        "OPENAI_API_CONFIGS": {},
    }


def test_what_is_saved_comes_back_with_masked_keys():
    settings = {
        "enable": False,
        "model_ids": ["gpt-6"],
        "prefix_id": "work",
        "tags": [{"name": "fast"}],
        "connection_type": "local",
        "auth_type": "none",
        "headers": {"X-Team": "blue"},
    }
    config.save(form("https://a.example/v1/", "http://ollama:11434", keys=[KEY], configs={"0": settings}))

    shown = config.read()

    assert shown["OPENAI_API_BASE_URLS"] == ["https://a.example/v1", "http://ollama:11434"]
    assert shown["OPENAI_API_KEYS"] == ["••••6789", ""]
    masked = {**settings, "headers": {"X-Team": "••••"}}
    assert masked.items() <= shown["OPENAI_API_CONFIGS"]["0"].items()
    assert KEY not in str(shown)
    assert rows()[0].secret == KEY


def test_a_mask_that_comes_back_keeps_the_key():
    config.save(form("https://a.example/v1", keys=[KEY]))
    shown = config.read()

    config.save({**shown, "OPENAI_API_CONFIGS": {"0": {"prefix_id": "p"}}})

    assert (rows()[0].secret, rows()[0].prefix_id) == (KEY, "p")


def test_an_address_in_another_spelling_is_the_same_row():
    row = Connection.objects.create(name="Llama", kind="ollama", base_url="http://ollama:11434/v1", secret=KEY)
    config.save(form("http://a.example/v1", "http://ollama:11434", keys=["", "sk-new-0123456789"]))
    assert [(found.pk == row.pk, found.base_url) for found in rows()][1] == (True, "http://ollama:11434/v1")


def test_an_empty_key_removes_the_key():
    config.save(form("https://a.example/v1", keys=[KEY]))
    config.save(form("https://a.example/v1", keys=[""]))
    assert rows()[0].secret == ""


def test_saving_what_is_shown_changes_nothing():
    config.save(form("https://a.example/v1", "https://b.example/v1", keys=[KEY, "short"]))
    before = [(row.pk, row.updated, row.secret) for row in rows()]

    config.save(config.read())

    assert [(row.pk, row.updated, row.secret) for row in rows()] == before


def test_connections_keep_their_row_and_key_when_the_list_is_reordered_or_shortened():
    other = "sk-other-9876543210"
    config.save(
        form("https://a.example/v1", "https://b.example/v1", "https://c.example/v1", keys=[KEY, other, "x" * 20])
    )
    a, b, _c = rows()

    config.save(form("https://b.example/v1", "https://a.example/v1", keys=["••••3210", "••••6789"]))

    assert [(row.pk, row.secret) for row in rows()] == [(b.pk, other), (a.pk, KEY)]


def test_a_new_address_with_the_old_mask_is_the_same_connection():
    config.save(form("https://a.example/v1", "https://b.example/v1", keys=[KEY, KEY]))
    _a, b = rows()

    config.save(form("https://a.example/v1", "https://b.example/v2", keys=["••••6789", "••••6789"]))

    assert (rows()[1].pk, rows()[1].base_url, rows()[1].secret) == (b.pk, "https://b.example/v2", KEY)


def test_a_mask_takes_nothing_along_to_another_server_and_the_answer_says_so():
    headers = {"X-Gate": "gate-secret-value", "X-Person": "{{USER_ID}}"}
    config.save(
        form("https://a.example/v1", "https://b.example/v1", keys=[KEY, KEY], configs={"1": {"headers": headers}})
    )
    _a, b = rows()
    shown = config.read()

    saved = config.save({**shown, "OPENAI_API_BASE_URLS": ["https://a.example/v1", "https://new.example/v1"]})

    row = rows()[1]
    assert (row.pk, row.base_url, row.secret) == (b.pk, "https://new.example/v1", "")
    assert row.headers == {"X-Person": "{{USER_ID}}"}
    assert rows()[0].secret == KEY
    assert [notice.partition(":")[0] for notice in saved.notices] == ["OPENAI_API_BASE_URLS.1"]
    assert "X-Gate, API key" in saved.notices[0]


def test_what_is_entered_with_a_new_address_stays():
    config.save(form("https://a.example/v1", keys=[KEY], configs={"0": {"headers": {"X-Gate": "same-gate-value"}}}))
    saved = config.save(
        form("https://b.example/v1", keys=[KEY], configs={"0": {"headers": {"X-Gate": "same-gate-value"}}})
    )
    assert (rows()[0].secret, rows()[0].headers) == (KEY, {"X-Gate": "same-gate-value"})
    assert saved.notices == []


def test_the_mask_of_a_headers_value_keeps_it_and_another_mask_is_refused():
    config.save(form("https://a.example/v1", configs={"0": {"headers": {"X-Gate": "gate-secret-value"}}}))
    shown = config.read()
    assert shown["OPENAI_API_CONFIGS"]["0"]["headers"] == {"X-Gate": "••••alue"}

    config.save({**shown, "OPENAI_API_CONFIGS": {"0": {"headers": {"X-Gate": "••••alue", "X-Team": "blue"}}}})

    assert rows()[0].headers == {"X-Gate": "gate-secret-value", "X-Team": "blue"}
    with pytest.raises(BadRequest) as caught:
        config.save({**shown, "OPENAI_API_CONFIGS": {"0": {"headers": {"X-Other": "••••alue"}}}})
    assert caught.value.param == "OPENAI_API_CONFIGS.0.headers"


def test_a_mask_of_no_stored_key_is_refused():
    config.save(form("https://a.example/v1", keys=[KEY]))
    with pytest.raises(BadRequest) as caught:
        config.save(form("https://a.example/v1", keys=["••••0000"]))
    assert caught.value.param == "OPENAI_API_KEYS.0"
    assert rows()[0].secret == KEY


def test_surplus_keys_are_cut_and_missing_ones_are_empty():
    config.save(form("https://a.example/v1", "https://b.example/v1", keys=[KEY]))
    assert [row.secret for row in rows()] == [KEY, ""]
    config.save(form("https://a.example/v1", keys=["••••6789", "surplus", "surplus"]))
    assert [row.secret for row in rows()] == [KEY]


def test_settings_without_a_valid_index_are_dropped():
    config.save(
        form(
            "https://a.example/v1",
            configs={"1": {"prefix_id": "x"}, "-1": {}, "https://a.example/v1": {"prefix_id": "y"}},
        )
    )
    assert rows()[0].prefix_id == ""
    assert set(config.read()["OPENAI_API_CONFIGS"]) == {"0"}


def test_internal_is_read_as_local():
    config.save(form("https://a.example/v1", configs={"0": {"connection_type": "internal"}}))
    assert config.read()["OPENAI_API_CONFIGS"]["0"]["connection_type"] == "local"


def test_azure_connections_carry_their_version():
    config.save(form("https://r.openai.azure.com", configs={"0": {"azure": True, "api_version": "2024-10-21"}}))
    assert rows()[0].kind == "azure"
    assert config.read()["OPENAI_API_CONFIGS"]["0"]["api_version"] == "2024-10-21"
    config.save(form("https://r.openai.azure.com", configs={"0": {"azure": False}}))
    assert rows()[0].kind == "openai"


def test_a_kind_that_an_administrator_chose_stays():
    row = Connection.objects.create(name="Local", base_url="http://ollama:11434", kind="ollama")
    config.save(config.read())
    row.refresh_from_db()
    assert row.kind == "ollama"


def test_the_switch_is_optional():
    config.save(form(ENABLE_OPENAI_API=False))
    config.save(form())
    assert config.read()["ENABLE_OPENAI_API"] is False
    assert GatewaySettings.load().history.count() >= 1


def test_the_demo_connection_stands_apart():
    Connection.objects.create(name="Demo", base_url="http://demo.localhost/v1", demo=True)

    config.save(form("https://a.example/v1"))

    assert config.read()["OPENAI_API_BASE_URLS"] == ["https://a.example/v1"]
    config.save(form())
    assert Connection.objects.get().demo


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"OPENAI_API_BASE_URLS": None}, "OPENAI_API_BASE_URLS"),
        ({"OPENAI_API_BASE_URLS": "https://a.example"}, "OPENAI_API_BASE_URLS"),
        ({"OPENAI_API_BASE_URLS": ["https://a.example", 7]}, "OPENAI_API_BASE_URLS.1"),
        ({"OPENAI_API_BASE_URLS": ["https://a.example", "ftp://b.example"]}, "OPENAI_API_BASE_URLS.1"),
        ({"OPENAI_API_BASE_URLS": ["https://a.example", "https://u:p@b.example"]}, "OPENAI_API_BASE_URLS.1"),
        ({"OPENAI_API_BASE_URLS": [""]}, "OPENAI_API_BASE_URLS.0"),
        ({"OPENAI_API_KEYS": None}, "OPENAI_API_KEYS"),
        ({"OPENAI_API_KEYS": [7]}, "OPENAI_API_KEYS.0"),
        ({"OPENAI_API_CONFIGS": []}, "OPENAI_API_CONFIGS"),
        ({"OPENAI_API_CONFIGS": {"0": "x"}}, "OPENAI_API_CONFIGS.0"),
        ({"ENABLE_OPENAI_API": "yes"}, "ENABLE_OPENAI_API"),
        *(
            ({"OPENAI_API_CONFIGS": {"0": {name: value}}}, f"OPENAI_API_CONFIGS.0.{name}")
            for name, value in [
                ("enable", "yes"),
                ("model_ids", "gpt-6"),
                ("model_ids", [""]),
                ("prefix_id", 7),
                ("prefix_id", "x" * 61),
                ("tags", "x"),
                ("tags", [{"no": "name"}]),
                ("connection_type", "nowhere"),
                ("auth_type", "magic"),
                ("headers", ["x"]),
                ("headers", {"X-A": {"b": 1}}),
                ("headers", {"X A": "b"}),
                ("headers", {"X-A": "b\r\nX-B: c"}),
                ("headers", {"Content-Length": "3"}),
                ("azure", "true"),
                ("api_version", 2024),
            ]
        ),
    ],
)
def test_a_wrong_form_names_its_field_and_changes_nothing(changes, field):
    config.save(form("https://a.example/v1", keys=[KEY]))
    before = config.read()

    with pytest.raises(BadRequest) as caught:
        config.save({**form("https://changed.example/v1", keys=["k"]), **changes})

    assert caught.value.param == field
    assert config.read() == before


def test_only_connections_that_changed_are_asked_anew():
    config.save(form("https://a.example/v1", "https://b.example/v1"))
    Connection.objects.quietly().update(listed_at="2026-11-01T00:00:00Z")
    a, _b = rows()

    saved = config.save(
        form("https://a.example/v1", "https://b.example/v1", configs={"0": {"auth_type": "none"}, "1": {"tags": ["x"]}})
    )

    assert saved.to_refresh == [a.pk]


# --- what was read, written back ---


def everything():
    columns = [field.attname for field in Connection._meta.concrete_fields if field.name != "updated"]
    return (list(Connection.objects.order_by("pk").values(*columns)), Connection.history.count())


@pytest.mark.parametrize("positions", [(0,), (0, 0, 0), (5, 2, 9), (3, 3, 1), (10, 20, 30)])
def test_what_was_read_is_written_back_without_a_change(positions):
    for number, position in enumerate(positions):
        Connection.objects.create(name=f"C{number}", base_url=f"http://c{number}.invalid/v1", position=position)
    Connection.objects.create(name="Demo", base_url="http://demo.invalid/v1", demo=True)
    before = everything()
    config.save(config.read())
    assert everything() == before


def test_a_new_connection_of_the_form_stands_behind_the_others():
    for number, position in enumerate((7, 3)):
        Connection.objects.create(name=f"C{number}", base_url=f"http://c{number}.invalid/v1", position=position)
    flat = config.read()
    flat["OPENAI_API_BASE_URLS"].append("http://new.invalid/v1")
    flat["OPENAI_API_KEYS"].append("")
    config.save(flat)
    assert list(Connection.objects.order_by("position").values_list("name", "position")) == [
        ("C1", 3), ("C0", 7), ("new.invalid", 8),
    ]  # fmt: skip


def test_another_order_of_the_form_is_the_order_of_the_connections():
    for number in range(3):
        Connection.objects.create(name=f"C{number}", base_url=f"http://c{number}.invalid/v1", position=number * 10)
    flat = config.read()
    for name in ("OPENAI_API_BASE_URLS", "OPENAI_API_KEYS"):
        flat[name].reverse()
    flat["OPENAI_API_CONFIGS"] = {str(2 - int(index)): values for index, values in flat["OPENAI_API_CONFIGS"].items()}
    config.save(flat)
    assert list(Connection.objects.order_by("position").values_list("name", flat=True)) == ["C2", "C1", "C0"]
