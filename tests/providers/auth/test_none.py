"""The auth type `none`: requests carry no credential."""

from providers.auth import AUTH_TYPES, NOBODY, CallerIdentity


def test_nothing_is_sent_whatever_is_stored_and_whoever_asks():
    for who in (NOBODY, CallerIdentity(user_id=1, credential="sk-x", oauth_token=lambda: "t")):
        assert AUTH_TYPES["none"].headers("stored", {}, who) == {}
