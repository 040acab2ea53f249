"""Checks of the installation, each with advice. `manage.py check` and the dashboard show them."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.db import DatabaseError, InterfaceError
from django.utils.translation import gettext as _

from imagegen.models import ImageEngine
from providers import catalogue
from providers.catalogue import defaults
from providers.errors import Unavailable
from providers.fields import UNREADABLE
from providers.models import Connection
from webui import address

TAG = "webui"


Check = Callable[..., Iterator[CheckMessage]]


def check(finds: Check) -> Check:
    """Register a generator of messages as a check of Django's."""

    @wraps(finds)
    def listed(**options: Any) -> list[CheckMessage]:
        return list(finds(**options))

    register(TAG)(listed)
    return finds


@check
def check_address(**options: Any) -> Iterator[CheckMessage]:
    public = [host for host in settings.ALLOWED_HOSTS if not address.is_local(host)]
    if settings.DEBUG and public:
        yield Warning(
            _("DEBUG is on, and the site answers to %(hosts)s.") % {"hosts": ", ".join(public)},
            hint=_("Error pages show settings and code to everyone. Set DEBUG=false."),
            id="webui.W001",
        )
    if public and not settings.SITE_URL:
        yield Warning(
            _("SITE_URL is not set."),
            hint=_(
                "Set it to the address in the browser, such as https://chat.example.com: links for people and "
                "secure cookies depend on it."
            ),
            id="webui.W002",
        )
    if settings.SITE_URL.startswith("http://") and not address.is_local(urlsplit(settings.SITE_URL).hostname or ""):
        yield Warning(
            _("SITE_URL begins with http://."),
            hint=_("Passwords and chats are sent unencrypted. Put a proxy with TLS in front of this site."),
            id="webui.W003",
        )
    if settings.SITE_URL.startswith("https://") and not settings.BEHIND_PROXY:
        yield Warning(
            _("SITE_URL begins with https://, but BEHIND_PROXY is off."),
            hint=_(
                "This server speaks plain HTTP. Behind a proxy that sets X-Forwarded-Proto and X-Forwarded-For, set"
                " BEHIND_PROXY=true."
            ),
            id="webui.W004",
        )


@check
def check_sign_in(**options: Any) -> Iterator[CheckMessage]:
    if settings.OPENID_PROVIDER_URL and not settings.OAUTH_CLIENT_ID:
        yield Error(
            _("OPENID_PROVIDER_URL is set, but OAUTH_CLIENT_ID is not."),
            hint=_("Register this site at the provider and set OAUTH_CLIENT_ID and OAUTH_CLIENT_SECRET."),
            id="webui.E001",
        )


@check
def check_several_processes(**options: Any) -> Iterator[CheckMessage]:
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3") and settings.REDIS_URL:
        yield Warning(
            _("REDIS_URL is set, but the database is SQLite."),
            hint=_(
                "SQLite lets only one process write at a time. Set DATABASE_URL to PostgreSQL for more than a "
                "few people."
            ),
            id="webui.W005",
        )
    elif settings.REDIS_URL and settings.STORAGES["default"]["BACKEND"].endswith("FileSystemStorage"):
        yield Info(
            _("Files are stored on this machine."),
            hint=_("With several machines, share DATA_DIR between them or set STORAGE_PROVIDER."),
            id="webui.I001",
        )


@check
def check_default_model(*, databases: Any = None, **options: Any) -> Iterator[CheckMessage]:
    """Warn of a default model that some people may not use. Needs `databases`, because it reads rows."""
    if not databases:
        return
    try:
        doubt = defaults.default_doubt(catalogue.snapshot_blocking())
    except (DatabaseError, InterfaceError, Unavailable):
        return
    if doubt:
        hint = _("Choose another one in the gateway settings, or open it to everybody under Models.")
        yield Warning(doubt, hint=hint, id="webui.W006")


@check
def check_secrets(*, databases: Any = None, **options: Any) -> Iterator[CheckMessage]:
    """Report stored keys that no key of FIELD_ENCRYPTION_KEYS decrypts. Needs `databases`, because it reads rows."""
    if not databases:
        return
    try:
        closed = [
            row.name for model in (Connection, ImageEngine) for row in model.objects.all() if row.secret == UNREADABLE
        ]
    except (DatabaseError, InterfaceError):
        return  # `migrate` checks before it makes the tables
    if closed:
        yield Error(
            _("The stored key of %(names)s cannot be read.") % {"names": ", ".join(closed)},
            hint=_(
                "FIELD_ENCRYPTION_KEYS, or the file field_encryption_key in DATA_DIR, has changed since. Add the "
                "old key after the new one, or enter the provider's key again."
            ),
            id="webui.E002",
        )
