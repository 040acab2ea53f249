"""Private names of Django's transactions: the `atomic` blocks that a connection is in.

`tests/structure/test_private_names.py` fails when an upgrade moves one of these names.
"""

from django.db.backends.base.base import BaseDatabaseWrapper


def is_in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Whether this thread's connection is in a transaction. Those that Django's test cases open do not count."""
    return any(not block._from_testcase for block in connection.atomic_blocks)  # type: ignore[attr-defined]
