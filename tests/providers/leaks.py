"""A check that no secret is in the database, the logs or responses."""

from collections.abc import Iterable

from django.db import connection


def stored(secrets: Iterable[str]) -> list[str]:
    """The tables whose rows hold one of these texts."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            rows = str(cursor.fetchall())
            found += [f"{table}: {secret}" for secret in secrets if secret in rows]
    return found


def told(text: str, secrets: Iterable[str]) -> list[str]:
    """Which of these secrets stand in a text."""
    return [secret for secret in secrets if secret in text]
