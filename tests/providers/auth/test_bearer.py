"""The auth type `bearer`: `Authorization: Bearer {key}`."""

from providers.auth import AUTH_TYPES, NOBODY


def test_the_key_is_sent_as_bearer():
    assert AUTH_TYPES["bearer"].headers("k", {}, NOBODY) == {"Authorization": "Bearer k"}


def test_an_empty_key_sends_no_header():
    assert AUTH_TYPES["bearer"].headers("", {}, NOBODY) == {}
