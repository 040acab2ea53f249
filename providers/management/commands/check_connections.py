"""`manage.py check_connections`: check every enabled connection and image engine; exit code 1 if one fails."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from providers import checkup
from providers.checkup import CheckReport

MARKS = {"": ("SUCCESS", "ok"), "doubtful": ("WARNING", "check"), "untested": ("NOTICE", "–")}  # by `report.note`


class Command(BaseCommand):
    help = "Check every enabled connection and every image engine. The exit code is 1 if one fails."

    def handle(self, **options: Any) -> None:
        subjects = checkup.subjects()
        if not subjects:
            self.stdout.write("There is nothing to check: no connection is enabled.")
            return
        with ThreadPoolExecutor(max_workers=8) as pool:
            reports = list(pool.map(_check, subjects))
        self._print(reports)
        failed = sum(not report.ok for report in reports)
        if failed:
            raise CommandError(f"{failed} of {len(reports)} failed.")

    def _print(self, reports: list[CheckReport]) -> None:
        width = max(len(report.name) for report in reports)
        for report in reports:
            style, mark = MARKS[report.note] if report.ok else ("ERROR", "FAILED")
            mark = getattr(self.style, style)(f"{mark:<6}")
            self.stdout.write(f"{mark}  {report.name:<{width}}  {report.message}")


def _check(subject: checkup.CheckSubject) -> CheckReport:
    try:
        return subject.check()
    finally:
        connections.close_all()
