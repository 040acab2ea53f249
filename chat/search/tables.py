"""The full-text indexes of columns `tokens`, in SQL: SQLite's FTS5, or a `tsvector` of PostgreSQL with a GIN index.

The rows themselves are Django's. On SQLite triggers keep the virtual table; on PostgreSQL the column is generated. So
whatever writes rows, also a restored backup, keeps the index. No extension is needed, and no special right.
They are made after the table itself, by a migration, and after every `migrate`: tables of a new site come without
migrations, and triggers go with a table that Django makes anew on SQLite.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FullText:
    """The index of one table. `name` is that of the virtual table, and begins the names of all that belongs to it."""

    table: str
    name: str

    def statements(self, vendor: str) -> tuple[str, ...]:
        """What makes it; harmless when it is there."""
        return tuple(part.format(table=self.table, name=self.name) for part in MADE[vendor])

    def removal(self, vendor: str) -> tuple[str, ...]:
        return tuple(part.format(table=self.table, name=self.name) for part in REMOVED[vendor])


MADE = {
    "sqlite": (
        """CREATE VIRTUAL TABLE IF NOT EXISTS {name} USING fts5(
            tokens, content='{table}', content_rowid='id', tokenize='ascii'
        )""",
        """CREATE TRIGGER IF NOT EXISTS {name}_inserted AFTER INSERT ON {table} BEGIN
            INSERT INTO {name}(rowid, tokens) VALUES (new.id, new.tokens);
        END""",
        """CREATE TRIGGER IF NOT EXISTS {name}_deleted AFTER DELETE ON {table} BEGIN
            INSERT INTO {name}({name}, rowid, tokens) VALUES ('delete', old.id, old.tokens);
        END""",
        """CREATE TRIGGER IF NOT EXISTS {name}_updated AFTER UPDATE OF tokens ON {table} BEGIN
            INSERT INTO {name}({name}, rowid, tokens) VALUES ('delete', old.id, old.tokens);
            INSERT INTO {name}(rowid, tokens) VALUES (new.id, new.tokens);
        END""",
    ),
    "postgresql": (
        """ALTER TABLE {table} ADD COLUMN IF NOT EXISTS vector tsvector
            GENERATED ALWAYS AS (to_tsvector('simple', tokens)) STORED""",
        "CREATE INDEX IF NOT EXISTS {name}_vector ON {table} USING gin (vector)",
    ),
}
REMOVED = {
    "sqlite": (
        *(f"DROP TRIGGER IF EXISTS {{name}}_{event}" for event in ("inserted", "deleted", "updated")),
        "DROP TABLE IF EXISTS {name}",
    ),
    "postgresql": (
        "DROP INDEX IF EXISTS {name}_vector",
        "ALTER TABLE {table} DROP COLUMN IF EXISTS vector",
    ),
}
MESSAGES = FullText("chat_searchentry", "chat_search")
CHUNKS = FullText("chat_documentchunk", "chat_chunks")  # pieces of documents


def install(connection: Any, index: FullText = MESSAGES) -> None:
    """Make an index in this database; harmless when it is there."""
    _run(connection, index.statements(connection.vendor))


def uninstall(connection: Any, index: FullText = MESSAGES) -> None:
    _run(connection, index.removal(connection.vendor))


def install_all(connection: Any) -> None:
    """Make the indexes of all tables that there are."""
    present = connection.introspection.table_names()
    for index in (MESSAGES, CHUNKS):
        if index.table in present:
            install(connection, index)


def _run(connection: Any, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
