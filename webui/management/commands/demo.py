"""`manage.py demo`: make sample data."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webui import bootstrap
from webui.demo import samples


class Command(BaseCommand):
    help = "Make sample people, chats, models and usage for a look around. Refuses where somebody works already."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="add them to a site that has data of its own")

    def handle(self, *, force: bool, **options: Any) -> None:
        bootstrap.run(self.stdout)
        if not force:
            try:
                samples.check_unused()
            except samples.SiteInUse as reason:
                raise CommandError(
                    f"{reason} Sample data would get in the way; --force adds it all the same."
                ) from None
        logins = samples.make()
        self.stdout.write("Sample people, chats and models are ready. Start the site (make run) and sign in as:")
        for email, password in logins:
            self.stdout.write(f"  {email:32} {password}")
