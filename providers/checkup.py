"""What `manage.py check_connections` checks: the connections, and what receivers of the signal `listing` add."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.dispatch import Signal

from providers.models import Connection

listing = Signal()  # sent before a check; receivers return an iterable of the `CheckSubject`s of their app


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of checking one subject; `message` is for administrators."""

    name: str
    ok: bool
    message: str
    note: str = ""  # the `note` of a `services.CheckResult`


@dataclass(frozen=True, slots=True)
class CheckSubject:
    """One server to check. `check` blocks, may be called in any thread, and raises no GatewayError."""

    name: str
    check: Callable[[], CheckReport]


def connection_subjects() -> list[CheckSubject]:
    return [_subject(row) for row in Connection.objects.filter(enabled=True)]


def _subject(row: Connection) -> CheckSubject:
    def check() -> CheckReport:
        from providers import services  # late: it loads the HTTP libraries, which most commands never need

        result = services.check_connection(row)
        return CheckReport(row.name, result.ok, result.message, result.note)

    return CheckSubject(row.name, check)


def subjects() -> list[CheckSubject]:
    """Everything to check now, connections first."""
    answers: Any = listing.send(sender=CheckSubject)
    return [*connection_subjects(), *(subject for _receiver, added in answers for subject in added)]
