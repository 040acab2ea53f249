"""Private names of Django: the `atomic` blocks that a connection is in, and the file that holds a request's body.

`tests/structure/test_private_names.py` fails when an upgrade moves one of these names.
"""

from typing import IO

from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest


def is_in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Whether this thread's connection is in a transaction. Those that Django's test cases open do not count."""
    return any(not block._from_testcase for block in connection.atomic_blocks)  # type: ignore[attr-defined]


def body_file(request: HttpRequest) -> IO[bytes]:
    """The file with the body of a request, on disk where it is large. Django closes it when the request is over.

    `request.body` would hold all of it in memory, and `request.POST` would take it apart.
    """
    file: IO[bytes] = request._stream  # type: ignore[attr-defined]
    return file
