"""`manage.py check_connections`: test every enabled connection and picture engine; exit code 1 if one fails."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from providers import checkup
from providers.checkup import Finding


class Command(BaseCommand):
    help = "Test every enabled connection and every picture engine. The exit code is 1 if one fails."

    def handle(self, **options: Any) -> None:
        subjects = checkup.subjects()
        if not subjects:
            self.stdout.write("There is nothing to test: no connection is enabled.")
            return
        with ThreadPoolExecutor(max_workers=8) as pool:
            findings = list(pool.map(_examine, subjects))
        self._print(findings)
        failed = sum(not finding.ok for finding in findings)
        if failed:
            raise CommandError(f"{failed} of {len(findings)} failed.")

    def _print(self, findings: list[Finding]) -> None:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = self.style.SUCCESS("ok    ") if finding.ok else self.style.ERROR("FAILED")
            self.stdout.write(f"{mark}  {finding.name:<{width}}  {finding.words}")


def _examine(subject: checkup.Subject) -> Finding:
    try:
        return subject.examine()
    finally:
        connections.close_all()
