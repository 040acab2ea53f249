"""`manage.py create_user`: create an account; without a password, print a link to choose one."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from providers.errors import CallerError
from webui.accounts import links, services


class Command(BaseCommand):
    help = "Create an account. Without --password, prints a link with which its owner sets one."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument("--password", help="seen by everyone who can list this machine's processes")
        parser.add_argument("--admin", action="store_true", help="make an administrator")

    def handle(self, *, email: str, name: str, password: str | None, admin: bool, **options: Any) -> None:
        try:
            user = services.create_account(email, name=name, password=password, admin=admin)
        except CallerError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Created the {'administrator' if admin else 'user'} {user.email}.")
        for complaint in services.complaints_about(password or "", email=email, name=name) if password else []:
            self.stderr.write(f"A weak password: {complaint}")
        if password is None:
            self.stdout.write("They choose a password here (once, within three days):")
            if not settings.SITE_URL:
                self.stdout.write("(SITE_URL is not set: where the site has another address, put it before the path.)")
            self.stdout.write(links.absolute(links.password_path(user)))
