"""`manage.py create_api_key EMAIL [--name N]`: make an API key and print it once, alone on the last line."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from providers import services


class Command(BaseCommand):
    help = "Make an API key for a person. It is printed once, alone on the last line, and cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="", help="what the key is for, shown in lists")

    def handle(self, *, email: str, name: str, **options: Any) -> None:
        user = get_user_model()._default_manager.filter(email__iexact=email.strip()).first()
        if user is None:
            raise CommandError(
                f"Nobody here has the e-mail address {email}. Make one with: manage.py create_user {email}"
            )
        if not user.is_active:
            raise CommandError(f"The account {email} is not active.")
        _row, key = services.issue_key(user, name=name)
        self.stdout.write(key)
