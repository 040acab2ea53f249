"""The preparation of a start: tables, static files, rows from the environment, the administrator.

Safe to repeat. When several processes or machines start at once, one does the work and the others wait.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper
from django.db import connection

import chat.first_rows
import imagegen.config.first_rows
import providers.config.first_rows
from providers.errors import CallerError
from webui import tables
from webui.accounts import services
from webui.branding import first_rows
from webui.layers import static
from webui.models import User
from webui.serving.workers import ChildProcess

ADVISORY_LOCK = 0x77656275  # any number, the same on every machine that shares the database


def run(out: TextIO | OutputWrapper) -> None:
    """Bring this installation up to date, and write to `out` what was done."""
    settings.DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock_data_dir():
        # In parallel with the migrations, since each takes about a second. Forked before a connection is opened.
        collecting = ChildProcess(static.collect) if static.is_stale() else None
        with _lock_database():
            if tables.pending_migrations():
                out.write("Preparing the database …\n")
                tables.bring_up_to_date()
            first_rows.fill_from_environment()
            providers.config.first_rows.fill_from_environment()
            chat.first_rows.fill_from_environment()
            imagegen.config.first_rows.fill_from_environment()
            create_administrator(out)
        if collecting:
            collecting.wait()
            out.write("Collected the static files.\n")


@contextmanager
def _lock_data_dir() -> Iterator[None]:
    """Hold the file lock of this data directory."""
    with open(settings.DATA_DIR / "bootstrap.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _lock_database() -> Iterator[None]:
    """Hold PostgreSQL's advisory lock, because other machines have other data directories. SQLite needs none."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def create_administrator(out: TextIO | OutputWrapper) -> None:
    """Create the administrator that the environment names. An existing account keeps its password and role."""
    email, password = settings.WEBUI_ADMIN_EMAIL, settings.WEBUI_ADMIN_PASSWORD
    if not email or User.objects.filter(email__iexact=email).exists():
        return
    try:
        services.create_account(email, password=password or None, admin=True)
    except CallerError as error:
        raise CommandError(f"WEBUI_ADMIN_EMAIL: {error.message}") from error
    for complaint in services.complaints_about(password, email=email) if password else []:
        out.write(f"WEBUI_ADMIN_PASSWORD is weak: {complaint}\n")
    out.write(f"Created the administrator {email}.\n")
