"""Stored errors: administrators read the cause, others what they can do, in their own language."""

import pytest
from django.utils import translation

from providers import stored_errors
from providers.errors import ConfigurationError, ContentRefused, GatewayError, NoCredential, NoSignOn, RateLimited
from providers.http import failures
from providers.sentences import sentence as _
from providers.upstream.error_bodies import error_of, of_own_credential

CANNOT = "This model cannot be used right now; the administrators were told."
KEY = b'{"error": {"message": "Incorrect API key provided: sk-...", "code": "invalid_api_key"}}'
BILL = b'{"error": {"message": "You exceeded your current quota, check your billing.", "code": "insufficient_quota"}}'
FAULTS = {
    "401": error_of(401, KEY, {}),
    "402": error_of(402, b"Payment required", {}),
    "403": error_of(403, b'{"error": {"message": "Your project may not use this API."}}', {}),
    "no credit": error_of(429, BILL, {}),
    "settings": ConfigurationError(_("The connection's key cannot be decrypted. Enter it again.")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_who_has_no_key_reads_nothing_of_keys_and_bills(name):
    kept = FAULTS[name].message_body()
    shown = stored_errors.worded(kept, for_admin=False)
    assert (shown["message"], shown["provider"], shown["retryable"]) == (CANNOT, "", False)
    cause = stored_errors.worded(kept, for_admin=True)
    assert cause["message"] == FAULTS[name].message
    assert cause["provider"] == FAULTS[name].provider
    assert "text" not in shown.keys() | cause.keys()


@pytest.mark.parametrize("name", FAULTS)
def test_an_api_tells_each_reader_the_same(name):
    assert FAULTS[name].for_reader(for_admin=False) == {"detail": CANNOT, "code": FAULTS[name].code}
    assert FAULTS[name].for_reader(for_admin=True) == FAULTS[name].detail_body()


@pytest.mark.parametrize("reason", [failures.UNREACHABLE, failures.UNKNOWN_HOST, failures.UNTRUSTED, failures.NO_TLS])
def test_who_has_no_addresses_reads_nothing_of_them(reason):
    kept = failures.network_error(reason).message_body()
    assert "address" not in stored_errors.worded(kept, for_admin=False)["message"]
    assert stored_errors.worded(kept, for_admin=True)["message"] == str(reason)


THEIRS = {
    "refused": ContentRefused(_("The provider's safety rules refused this."), provider="No."),
    "limited": RateLimited(_("The provider took too long to answer.")),
    "no credential": NoCredential(_("Sign in with your password once, so that this model can be used.")),
    "sign-in ended": NoCredential(_("Your single sign-on has expired."), code="oauth_token_ended"),
    "no sign-on": NoSignOn(_("This model needs single sign-on, which is not set up on this site.")),
    "ours": GatewayError(_("Something went wrong on this site.")),
    "400": error_of(400, b'{"error": {"message": "This is longer than the context."}}', {}),
    "402 for now": error_of(402, b"Payment required", {"retry-after": "5"}),
    "429": error_of(429, b"slow down", {}),
    "500": error_of(500, b"oops", {}),
    **{f"own {name}": of_own_credential(FAULTS[name]) for name in ("401", "402", "403", "no credit")},
}


@pytest.mark.parametrize("name", THEIRS)
def test_what_is_theirs_to_know_stays(name):
    error = THEIRS[name]
    shown = stored_errors.worded(error.message_body(), for_admin=False)
    assert (shown["message"], shown["provider"]) == (error.message, error.provider)


def test_a_missing_credential_that_an_earlier_version_kept_stays():
    old = {"message": "Sign in once.", "code": "user_needed", "provider": "", "blame": "configuration", "status": 503}
    assert stored_errors.worded(old, for_admin=False)["message"] == "Sign in once."


def test_the_providers_code_of_a_refused_credential_is_kept_for_programs():
    error = of_own_credential(FAULTS["401"])
    assert (error.code, error.openai_body()["error"]["code"]) == ("credential_refused", "invalid_api_key")


@pytest.mark.parametrize("made_in", ["en", "zh-hans"])
def test_an_error_is_worded_when_it_is_read(made_in):
    with translation.override(made_in):
        kept = error_of(401, KEY, {}).message_body()
    assert kept["message"] == "The provider does not accept the key (401)."
    for for_admin in (True, False):
        with translation.override("zh-hans"):
            assert "\u4e00" <= stored_errors.worded(kept, for_admin=for_admin)["message"][0] <= "\u9fff"
        with translation.override("en"):
            assert stored_errors.worded(kept, for_admin=for_admin)["message"].isascii()


def test_what_an_earlier_version_kept_shows_its_text():
    old = {"message": "旧的句子", "code": "x", "provider": "", "blame": "provider", "status": 500}
    assert stored_errors.worded(old, for_admin=True)["message"] == "旧的句子"
    assert stored_errors.cause(None, "旧的句子") == "旧的句子"
    assert stored_errors.worded(None, for_admin=True) is None
