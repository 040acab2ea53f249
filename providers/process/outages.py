"""`Unavailable` for every part of the site that does not answer, is full or is used up: database, Redis, files, memory.

`of` makes it of the exceptions of the database, of Redis and of the operating system. The database backend raises
`DatabaseAway` and `DatabaseBusy`; code that catches Django's OperationalError catches them too.
"""

import errno
import socket
import sqlite3
import traceback
from collections.abc import Callable, Iterator

from django.db import DatabaseError, InterfaceError, OperationalError

from providers.errors import Unavailable
from providers.sentences import sentence as _

# https://www.sqlite.org/rescode.html: errors of file, disk or another writer. Other codes are errors of our SQL.
SQLITE_TROUBLE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
DISK_FULL = "53100"  # https://www.postgresql.org/docs/current/errcodes-appendix.html
RESTARTING = "restarting"
LEVELS = 6  # of exceptions behind an exception, at most
BUSY_SECONDS, AWAY_SECONDS = 1.0, 2.0  # for `retry_after`


class DatabaseAway(OperationalError):
    """The database does not answer."""


class DatabaseBusy(OperationalError):
    """Every connection of this process is in use, and none became free in time."""


def of(error: BaseException) -> Unavailable | None:
    """The error for an exception that says that a part of the site is unavailable; None for other exceptions."""
    for cause in causes(error):
        match cause:
            case Unavailable():
                return cause
            case DatabaseBusy():
                return database_busy()
            case OSError() if cause.errno in USED_UP:
                return overloaded()
            case OSError() if cause.errno in FULL:
                return storage_full()
            case MemoryError():
                return overloaded()
            case sqlite3.Error() if _sqlite_code(cause) == sqlite3.SQLITE_FULL:
                return storage_full()
    if any(getattr(cause, "sqlstate", None) == DISK_FULL for cause in causes(error)):
        return storage_full()
    match error:
        case DatabaseError() | InterfaceError() if _is_trouble(error):
            return overloaded() if is_used_up(error) else database_away()
    return redis_away() if is_of_redis(error) else None


def of_database(error: BaseException) -> Unavailable:
    """The error for a database exception where the request needs the database: never None."""
    return of(error) or database_away()


def causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and those that it was raised from, the newest first."""
    seen = set[int]()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        yield cause
        seen.add(id(cause))
        cause = cause.__cause__


def is_used_up(error: BaseException) -> bool:
    """Whether a connection failed because this process or machine has no descriptor or memory left.

    Libraries may hide it: without a free descriptor, a look-up of a host name fails as “not known”. So this opens a
    socket as well, to see whether that works.
    """
    seen: BaseException | None = error
    for _level in range(LEVELS):
        if isinstance(seen, OSError) and seen.errno in USED_UP:
            return True
        seen = seen and (seen.__cause__ or seen.__context__)
    try:
        socket.socket().close()
    except OSError as failure:
        return failure.errno in USED_UP
    return False


def _outage(
    message: str, code: str, *, retry_after: float | None = AWAY_SECONDS, status: int | None = None
) -> Callable[[], Unavailable]:
    """A function that makes one kind of `Unavailable`, anew each time it is raised."""
    return lambda: Unavailable(message, code=code, retry_after=retry_after, status=status)


database_away = _outage(_("The database of this site does not answer. Try again in a moment."), "database_unavailable")
database_busy = _outage(
    _("The database of this site is busy. Try again in a moment."), "database_busy", retry_after=BUSY_SECONDS
)
redis_away = _outage(_("A part of this site does not answer. Try again in a moment."), "redis_unavailable")
storage_full = _outage(
    _("This site is out of disk space. Ask your administrator to free some, then try again."),
    "storage_full",
    retry_after=None,
    status=507,
)
files_away = _outage(_("The file store of this site does not answer. Try again in a moment."), "storage_unavailable")
restarting = _outage(_("This site is being restarted. Try again in a moment."), RESTARTING)
overloaded = _outage(_("This site has too many open connections right now. Try again in a moment."), "overloaded")


def _is_trouble(error: BaseException) -> bool:
    """Whether the database itself failed; False for an error in our SQL or our tables."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) in SQLITE_TROUBLE
    # Of PostgreSQL: errors of the server or the connection, see https://peps.python.org/pep-0249/. Of SQLite a damaged
    # file is a plain DatabaseError.
    return isinstance(error, OperationalError | InterfaceError)


def _sqlite_code(error: sqlite3.Error) -> int | None:
    """The primary result code; None where the error has none."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def is_of_redis(error: BaseException) -> bool:
    """Whether redis-py raised it. By name, because only sites with several processes have the library installed.

    A RuntimeError counts that came while it connected: two tasks of channels_redis that open the same lost connection
    read from it at once (https://github.com/django/channels_redis/blob/main/channels_redis/pubsub.py).
    """
    if isinstance(error, RuntimeError):
        frames = traceback.walk_tb(error.__traceback__)
        return any(frame.f_globals.get("__name__") == "redis.asyncio.connection" for frame, _line in frames)
    return any(kind.__module__ == "redis.exceptions" and kind.__name__ == "RedisError" for kind in type(error).__mro__)
