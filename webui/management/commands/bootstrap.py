"""`manage.py bootstrap`: prepare the database and the first rows, without serving. Safe to repeat."""

from typing import Any

from django.core.management.base import BaseCommand

from webui import bootstrap


class Command(BaseCommand):
    help = "Migrate, fill rows from the environment, create the administrator from WEBUI_ADMIN_EMAIL."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        bootstrap.run(self.stdout)
        self.stdout.write("Ready.")
