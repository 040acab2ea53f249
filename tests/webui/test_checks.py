"""The checks of the installation."""

import pytest
from cryptography.fernet import Fernet
from django.core import checks

from providers.models import Connection


@pytest.fixture(autouse=True)
def _only_this_machine(settings):
    settings.ALLOWED_HOSTS = ["localhost"]  # the test client adds a host of its own


def found(**options) -> dict[str, str]:
    return {message.id: message.hint for message in checks.run_checks(tags=["webui"], **options)}


def test_a_fresh_installation_has_none():
    assert found() == {}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"DEBUG": True, "ALLOWED_HOSTS": ["chat.example.com"], "SITE_URL": "http://localhost"}, "webui.W001"),
        ({"ALLOWED_HOSTS": ["chat.example.com"]}, "webui.W002"),
        ({"ALLOWED_HOSTS": ["*"]}, "webui.W002"),
        ({"SITE_URL": "http://chat.example.com"}, "webui.W003"),
        ({"SITE_URL": "https://chat.example.com"}, "webui.W004"),
        ({"REDIS_URL": "redis://localhost"}, "webui.W005"),
        ({"OPENID_PROVIDER_URL": "https://id.example.com", "OAUTH_CLIENT_ID": ""}, "webui.E001"),
    ],
)
def test_what_is_likely_wrong_is_said_with_what_to_do(settings, values, expected):
    settings.DATABASES["default"]["ENGINE"] = "django.db.backends.sqlite3"
    for name, value in values.items():
        setattr(settings, name, value)
    assert found()[expected]


@pytest.mark.parametrize("hosts", [["localhost"], ["127.0.0.1", "[::1]"], [".localhost"]])
def test_debug_on_this_machine_is_fine(settings, hosts):
    settings.DEBUG = True
    settings.ALLOWED_HOSTS = hosts
    assert found() == {}


@pytest.mark.django_db
def test_stored_keys_that_no_key_opens_are_named(settings):
    Connection.objects.create(name="Upstairs", base_url="http://u/v1", secret="a provider's key")
    assert "webui.E002" not in found(databases=["default"])
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    messages = checks.run_checks(tags=["webui"], databases=["default"])
    assert [message.msg for message in messages] == ["The stored key of Upstairs cannot be read."]


def test_without_a_database_no_database_is_asked():
    """`manage.py check` runs where there is none; this test has none either."""
    assert "webui.E002" not in found()
