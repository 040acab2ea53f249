"""What we take from Django's transactions that it does not document: whose blocks a connection is in.

`tests/test_private_names.py` fails when an upgrade moves one of these names.
"""

from django.db.backends.base.base import BaseDatabaseWrapper


def is_in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Whether this thread's connection is in a transaction. Those of Django's test cases, which roll them back, are
    none of ours.
    """
    return any(not block._from_testcase for block in connection.atomic_blocks)  # type: ignore[attr-defined]
