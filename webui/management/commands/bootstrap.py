"""`manage.py bootstrap`: everything a start needs, safe to repeat and safe when two run at once."""

from typing import Any

from django.core.management.base import BaseCommand

from webui import bootstrap


class Command(BaseCommand):
    help = "Migrate, fill rows from the environment, create the administrator from WEBUI_ADMIN_EMAIL."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        bootstrap.run(self.stdout)
        self.stdout.write("Ready.")
