"""The list of what `manage.py check_connections` checks. Other apps add to it: `checkup.register(list_function)`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from providers.models import Connection


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


_lists: list[Callable[[], Iterable[CheckSubject]]] = [connection_subjects]


def register(list_subjects: Callable[[], Iterable[CheckSubject]]) -> None:
    """Check these subjects too; called in an app's `ready()`."""
    if list_subjects not in _lists:
        _lists.append(list_subjects)


def subjects() -> list[CheckSubject]:
    """Everything to check now, connections first."""
    return [subject for list_subjects in _lists for subject in list_subjects()]
