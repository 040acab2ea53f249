"""The table of connection kinds: the contract of every row, and the special rules of each."""

from dataclasses import FrozenInstanceError
from types import SimpleNamespace
from typing import Any

import pytest

from providers.addresses import validate_base_url
from providers.dialects.dialect import Dialect
from providers.errors import ConfigurationError
from providers.models import Connection
from providers.upstream import kinds
from providers.upstream.headers import headers_for_blocking
from tests.providers.facts import ALICE, connection_to

AZURE = "https://res.openai.azure.com"
SERVER = SimpleNamespace(kind="", base_url="https://models.example/v1", api_version="")
every = pytest.mark.parametrize("kind", kinds.KINDS.values(), ids=kinds.KINDS)


# --- what every row promises ------------------------------------------------------------------------------------------


@every
def test_it_says_what_it_is(kind: kinds.ConnectionKind) -> None:
    assert kinds.KINDS[kind.name] is kinds.named(kind.name) is kinds.of(connection_to(kind=kind.name)) is kind
    assert str(kind.label)
    assert len(kind.name) <= Connection._meta.get_field("kind").max_length
    validate_base_url(kind.clean_url(kind.example))


@every
def test_it_cannot_be_changed(kind: kinds.ConnectionKind) -> None:
    with pytest.raises(FrozenInstanceError):
        kind.name = "other"  # type: ignore[misc]


@every
def test_cleaning_an_address_twice_changes_nothing(kind: kinds.ConnectionKind) -> None:
    for url in (kind.example, SERVER.base_url, AZURE, ""):
        assert kind.clean_url(kind.clean_url(url)) == kind.clean_url(url)


@every
def test_it_gives_absolute_addresses(kind: kinds.ConnectionKind) -> None:
    urls = [kind.endpoint(SERVER, "chat/completions", "m/1", deployed) for deployed in (True, False)]
    urls += [*kind.list_urls(SERVER), *kinds.probe_urls(connection_to(kind=kind.name))]
    if proof := kinds.proof_url(connection_to(kind=kind.name)):
        urls.append(proof)
    assert all(url.startswith("https://models.example/") for url in urls)
    assert urls[0].partition("?")[0].endswith("/chat/completions")
    assert kinds.probe_urls(connection_to(kind=kind.name))


@every
def test_its_own_hosts_and_their_subdomains_belong_to_it_and_no_others(kind: kinds.ConnectionKind) -> None:
    for host in kind.hosts:
        assert kinds.at(f"https://{host}/v1") is kinds.at(f"https://eu.{host}/v1") is kind
        assert kinds.at(f"https://{host}.example/v1") is kinds.at(f"https://not{host}/v1") is None
        assert kind.brand


@every
def test_its_attribution_names_what_is_known_of_this_site(kind: kinds.ConnectionKind) -> None:
    assert all(fact in ("url", "name") for _header, fact in kind.attribution)


@every
def test_its_key_is_presented_in_one_header_alone(kind: kinds.ConnectionKind) -> None:
    headers = headers_for_blocking(connection_to(kind=kind.name, secret="k-1"))
    holding = {name for name, value in headers.items() if "k-1" in value}
    assert holding == {kind.key_header or "Authorization"}


def test_a_new_kind_needs_no_migration() -> None:
    field = Connection._meta.get_field("kind")
    assert [name for name, _label in field.choices] == list(kinds.KINDS)
    assert callable(field.deconstruct()[3]["choices"])


@every
def test_a_connection_may_say_which_of_openais_forms_it_speaks(kind: kinds.ConnectionKind) -> None:
    server = connection_to(kind=kind.name)
    assert kinds.spoken(server, "") == kinds.spoken(server, "unknown") == kind.dialects
    if kind.name in kinds.choosing():
        assert set(kinds.SPOKEN) == {value for value in Connection.Speaks.values if value}
        assert kinds.spoken(server, "responses") == (Dialect.RESPONSES,)
        assert set(kinds.spoken(server, "both")) == {Dialect.CHAT, Dialect.RESPONSES}
    else:
        assert kinds.spoken(server, "chat") == kind.dialects == (Dialect.MESSAGES,)


def test_a_kind_that_is_no_longer_there_is_a_plain_one() -> None:
    assert kinds.of(connection_to(kind="gone")) is kinds.named("gone") is kinds.DEFAULT


def test_an_address_that_is_none_belongs_to_nobody() -> None:
    assert kinds.at("http://[broken") is kinds.at("") is None


@pytest.mark.parametrize(
    ("chosen", "url", "expected"),
    [
        ("azure", "https://proxy.example/v1", kinds.AZURE),
        ("openrouter", AZURE, kinds.OPENROUTER),
        ("openai", AZURE, kinds.AZURE),
        ("", f"{AZURE}/openai/v1", kinds.AZURE),
        ("", "https://proxy.example/openai/deployments/draw", kinds.AZURE),
        ("", "https://proxy.example/v1", kinds.DEFAULT),
    ],
)
def test_a_server_is_of_its_chosen_kind_or_as_its_address_shows(chosen: str, url: str, expected: Any) -> None:
    assert kinds.serving(chosen, url) is expected


# --- each kind --------------------------------------------------------------------------------------------------------


def endpoint(base_url: str, kind: str, *, path: str = "chat/completions", model: str = "gpt", **more: Any) -> str:
    server = connection_to(kinds.clean_base_url(kind, base_url), kind=kind, **more)
    return kinds.of(server).endpoint(server, path, model, path != "responses")


@pytest.mark.parametrize("kind", ["openai", "openrouter"])
@pytest.mark.parametrize("path", ["chat/completions", "embeddings", "responses", "audio/speech"])
def test_plain_servers_are_asked_below_their_base(kind: str, path: str) -> None:
    assert endpoint("https://models.example/v1", kind, path=path) == f"https://models.example/v1/{path}"


@pytest.mark.parametrize("base_url", ["http://ollama:11434", "http://ollama:11434/v1", " http://ollama:11434/ "])
def test_ollama_is_asked_at_v1_whether_its_address_says_so_or_not(base_url: str) -> None:
    assert endpoint(base_url, "ollama") == "http://ollama:11434/v1/chat/completions"


@pytest.mark.parametrize(
    ("base_url", "path", "name", "address"),
    [
        (AZURE, "chat/completions", "gpt", f"{AZURE}/openai/deployments/gpt/chat/completions"),
        (f"{AZURE}/openai", "chat/completions", "gpt", f"{AZURE}/openai/deployments/gpt/chat/completions"),
        (AZURE, "chat/completions", "a b/1", f"{AZURE}/openai/deployments/a%20b%2F1/chat/completions"),
        (AZURE, "embeddings", "e", f"{AZURE}/openai/deployments/e/embeddings"),
        (AZURE, "audio/speech", "t", f"{AZURE}/openai/deployments/t/audio/speech"),
        (AZURE, "responses", "gpt", f"{AZURE}/openai/responses"),
        (
            f"{AZURE}/openai/deployments/fixed",
            "chat/completions",
            "gpt",
            f"{AZURE}/openai/deployments/fixed/chat/completions",
        ),
        (f"{AZURE}/openai/deployments/fixed", "responses", "gpt", f"{AZURE}/openai/responses"),
        (f"{AZURE}/openai/v1", "chat/completions", "gpt", f"{AZURE}/openai/v1/chat/completions"),
    ],
)
def test_azures_addresses_are_those_of_its_own_client(base_url: str, path: str, name: str, address: str) -> None:
    asked = endpoint(base_url, "azure", path=path, model=name, api_version="2024-10-21")
    assert asked == f"{address}?api-version=2024-10-21"


def test_an_azure_connection_without_a_version_has_the_default_one() -> None:
    assert endpoint(AZURE, "azure").endswith("/chat/completions?api-version=2023-03-15-preview")


def test_azures_newer_surface_needs_no_version() -> None:
    assert endpoint(f"{AZURE}/openai/v1", "azure") == f"{AZURE}/openai/v1/chat/completions"


@pytest.mark.parametrize(
    ("kind", "base_url", "more", "urls"),
    [
        ("openai", "http://up.example/v1", {}, ["http://up.example/v1/models"]),
        ("ollama", "http://o:11434/v1", {}, ["http://o:11434/api/tags", "http://o:11434/v1/models"]),
        ("azure", f"{AZURE}/openai/v1", {}, [f"{AZURE}/openai/v1/models"]),
        ("anthropic", kinds.ANTHROPIC.example, {}, ["https://api.anthropic.com/v1/models?limit=1000"]),
        (
            "gemini",
            kinds.GEMINI.example,
            {},
            ["https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000"],
        ),
        (
            "azure",
            f"{AZURE}/openai/v1",
            {"api_version": "preview"},
            [f"{AZURE}/openai/v1/models?api-version=preview"],
        ),
    ],
)
def test_a_kind_is_asked_where_its_list_is(kind: str, base_url: str, more: Any, urls: list[str]) -> None:
    server = connection_to(base_url, kind=kind, **more)
    assert kinds.of(server).list_urls(server) == kinds.probe_urls(server) == urls


def test_azures_deployments_have_no_list_and_the_error_says_what_to_do() -> None:
    server = connection_to(AZURE, kind="azure", api_version="2024-10-21")
    with pytest.raises(ConfigurationError) as caught:
        kinds.of(server).list_urls(server)
    assert "Model ids" in caught.value.message
    assert kinds.probe_urls(server) == [f"{AZURE}/openai/models?api-version=2024-10-21"]


@pytest.mark.parametrize(
    ("kind", "entered", "stored"),
    [
        ("anthropic", "https://api.anthropic.com", "https://api.anthropic.com/v1"),
        ("anthropic", "https://proxy.example/anthropic/", "https://proxy.example/anthropic/v1"),
        ("gemini", "https://generativelanguage.googleapis.com", kinds.GEMINI.example),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/", kinds.GEMINI.example),
        ("gemini", kinds.GEMINI.example, kinds.GEMINI.example),
        ("gemini", "https://proxy.example/v1", "https://proxy.example/v1"),
    ],
)
def test_addresses_that_people_enter_are_completed(kind: str, entered: str, stored: str) -> None:
    assert kinds.clean_base_url(kind, entered) == stored


def test_anthropic_gets_its_version_with_every_call_and_a_connection_may_change_it() -> None:
    server = connection_to(kinds.ANTHROPIC.example, kind="anthropic")
    assert headers_for_blocking(server)["anthropic-version"] == "2023-06-01"
    other = connection_to(kinds.ANTHROPIC.example, kind="anthropic", headers={"Anthropic-Version": "2099-01-01"})
    sent = {name.lower(): value for name, value in headers_for_blocking(other).items()}
    assert sent["anthropic-version"] == "2099-01-01"


def test_geminis_key_is_presented_in_another_header_for_the_list() -> None:
    server = connection_to(kinds.GEMINI.example, kind="gemini", secret="k-1")
    assert headers_for_blocking(server)["Authorization"] == "Bearer k-1"
    listing = headers_for_blocking(server, lists=True)
    assert listing["x-goog-api-key"] == "k-1"
    assert "Authorization" not in listing


def test_openrouters_key_is_tried_where_the_list_needs_none() -> None:
    server = connection_to(kinds.OPENROUTER.example, kind="openrouter")
    assert kinds.proof_url(server) == "https://openrouter.ai/api/v1/key"
    assert kinds.proof_url(connection_to(kind="openai")) is None


def test_this_site_is_named_to_openrouter_at_its_own_address_alone() -> None:
    own = {"site_url": "https://site.example", "site_name": "Näme"}
    told = headers_for_blocking(connection_to(kinds.OPENROUTER.example, kind="openai", **own), caller=ALICE)
    assert (told["HTTP-Referer"], told["X-Title"]) == ("https://site.example", "N%C3%A4me")
    assert "X-Title" not in headers_for_blocking(connection_to("https://proxy.example/v1", kind="openrouter", **own))
    told = headers_for_blocking(connection_to(kinds.OPENROUTER.example, site_name="Näme"))
    assert "HTTP-Referer" not in told
    assert told["X-Title"] == "N%C3%A4me"
