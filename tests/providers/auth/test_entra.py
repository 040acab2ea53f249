"""The auth type for Microsoft Entra ID: the real azure-identity library, a managed-identity endpoint on loopback."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from providers.auth import AUTH_TYPES, NOBODY
from providers.auth.entra import FAILURE_SECONDS, SCOPE, Tokens
from providers.catalogue.snapshot_loader import facts_of
from providers.errors import ConfigurationError
from providers.models import Connection
from providers.upstream.headers import headers_for
from tests.upstream import Gate, in_json

ENDPOINT = "/msi/token"


@pytest.fixture
def identity(upstream, monkeypatch):
    """A machine with a managed identity, as App Service gives it: the endpoint is the scripted server."""
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IDENTITY_ENDPOINT", upstream.origin + ENDPOINT)
    monkeypatch.setenv("IDENTITY_HEADER", "the-header")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "prod")  # not the tools of whoever runs the tests
    return upstream


def token(name="token-1", seconds=3600):
    return in_json(
        {"access_token": name, "expires_on": str(int(time.time()) + seconds), "resource": "x", "token_type": "Bearer"}
    )


def headers(**options):
    return AUTH_TYPES["azure_ad"].headers("", options, NOBODY)


def test_the_token_of_the_machines_identity_is_sent(identity):
    identity.script(token(), path=ENDPOINT)

    assert headers() == {"Authorization": "Bearer token-1"}

    asked = identity.last
    assert asked.query["resource"] == "https://cognitiveservices.azure.com"
    assert asked.headers["X-IDENTITY-HEADER"] == "the-header"


def test_the_newer_name_is_the_same_type(identity):
    identity.script(token(), path=ENDPOINT)
    assert AUTH_TYPES["microsoft_entra_id"].headers("", {}, NOBODY) == headers()
    assert len(identity.history) == 1


def test_a_scope_of_ones_own_is_asked_for(identity):
    identity.script(token("a"), token("b"), path=ENDPOINT)
    assert headers(scope="https://ai.azure.com/.default") == {"Authorization": "Bearer a"}
    assert identity.last.query["resource"] == "https://ai.azure.com"
    assert headers() == {"Authorization": "Bearer b"}


def test_a_token_is_kept_until_shortly_before_its_end(identity):
    identity.script(token(), path=ENDPOINT)
    for _ in range(5):
        headers()
    assert len(identity.history) == 1


def test_many_threads_at_once_ask_once(identity):
    gate = Gate()
    identity.script(token().with_(before=[gate]), path=ENDPOINT)
    got = []
    threads = [threading.Thread(target=lambda: got.append(headers())) for _ in range(10)]
    for thread in threads:
        thread.start()
    gate.wait()
    gate.open()
    for thread in threads:
        thread.join()
    assert len(identity.history) == 1
    assert got == [{"Authorization": "Bearer token-1"}] * 10


class Source:
    """A fake credential whose tokens expire when the test says so."""

    def __init__(self):
        self.asked = 0
        self.fail = False
        self.gate = None
        self.ends = time.time() + 3600

    def __call__(self, scope):
        self.asked += 1
        if self.gate is not None:
            self.gate.wait(10)
        if self.fail:
            raise ConfigurationError("no", provider="no identity")
        return type("Token", (), {"token": f"token-{self.asked}", "expires_on": self.ends})


@pytest.fixture
def source(monkeypatch):
    tokens, source = Tokens(), Source()
    monkeypatch.setattr(tokens, "_fetch", source)
    return tokens, source


def test_a_token_that_is_about_to_end_is_renewed_by_one_while_the_others_go_on_with_it(source):
    tokens, asks = source
    asks.ends = time.time() + 60
    assert tokens.token(SCOPE) == "token-1"
    asks.gate, asks.ends = threading.Event(), time.time() + 3600
    renewing = threading.Thread(target=tokens.token, args=[SCOPE])
    renewing.start()
    while asks.asked < 2:
        time.sleep(0.001)

    assert tokens.token(SCOPE) == "token-1"  # at once: it is still good

    asks.gate.set()
    renewing.join()
    assert tokens.token(SCOPE) == "token-2"
    assert asks.asked == 2


def test_a_renewal_that_fails_goes_on_with_the_old_token_while_it_lasts(source):
    tokens, asks = source
    asks.ends = time.time() + 60
    tokens.token(SCOPE)
    asks.fail = True
    assert tokens.token(SCOPE) == "token-1"


def test_a_failure_is_said_in_words_and_not_repeated_at_once(source, monkeypatch):
    tokens, asks = source
    asks.fail = True
    for _ in range(3):
        with pytest.raises(ConfigurationError):
            tokens.token(SCOPE)
    assert asks.asked == 1
    later = time.monotonic() + FAILURE_SECONDS + 1
    monkeypatch.setattr("providers.auth.entra.time.monotonic", lambda: later)
    asks.fail = False
    assert tokens.token(SCOPE) == "token-2"


def test_a_machine_without_an_identity_is_told_so(identity):
    identity.always(in_json({"error": {"code": "unsupported", "message": "No identity here"}}, 400), path=ENDPOINT)
    with pytest.raises(ConfigurationError) as caught:
        headers()
    assert caught.value.code == "entra_unavailable"
    assert caught.value.provider


async def test_the_event_loop_goes_on_while_a_token_is_fetched(identity):
    gate = Gate()
    identity.script(token().with_(before=[gate]), path=ENDPOINT)
    facts = facts_of(Connection(name="c", base_url="http://up.invalid/v1", auth_type="azure_ad", kind="azure"))

    waiting = asyncio.ensure_future(headers_for(facts))
    await gate.arrived()  # the loop turns while the thread waits
    assert not waiting.done()
    gate.open()

    sent = await waiting
    assert sent["Authorization"] == "Bearer token-1"
    assert "api-key" not in sent


def test_the_library_is_not_loaded_before_it_is_needed():
    code = (
        "import sys; from django.conf import settings; settings.configure(); import providers.auth;"
        "print('azure.identity' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
