"""Django's wrapper of a PostgreSQL connection, with our pool instead of Django's.

`tests/structure/test_private_names.py` fails when an upgrade moves one of these names.
"""

from typing import Any

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel

from providers import runtime
from webui.postgresql.pool import Pool, is_dead


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes the connection of a thread from the pool, and returns it to the pool."""

    isolation_level = IsolationLevel.READ_COMMITTED

    @property
    def pool(self) -> None:
        """None: Django's own pool is not used."""
        return

    def close_pool(self) -> None:
        """Close the unused connections. Django calls this before it creates or drops a test database."""
        if self.alias != NO_DB_ALIAS:
            runtime.state(Pool).close()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection for this thread. Raises DatabaseBusy, DatabaseAway."""
        open_one = super().get_new_connection
        if self.alias == NO_DB_ALIAS:
            return open_one(conn_params)
        return runtime.state(Pool).take(str(conn_params["dbname"]), lambda: open_one(conn_params))

    def ensure_connection(self) -> None:
        """Called before each query. Replaces a connection that died, unless it was in a transaction."""
        if self.connection is not None and not self.in_atomic_block and is_dead(self.connection):
            self.close()
        super().ensure_connection()

    def _close(self) -> None:
        """Return the connection to our pool. Django's method returns it to Django's pool."""
        if self.connection is None:
            return
        if self.alias == NO_DB_ALIAS:
            super()._close()  # type: ignore[misc]  # not in the stubs
        else:
            runtime.state(Pool).bring_back(self.connection)
