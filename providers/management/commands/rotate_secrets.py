"""`manage.py rotate_secrets`: encrypt every stored secret with the newest key of FIELD_ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from providers import services


class Command(BaseCommand):
    help = "Encrypt stored secrets anew with the first of FIELD_ENCRYPTION_KEYS. Afterwards older keys can be dropped."

    def handle(self, **options: Any) -> None:
        written, unreadable = services.rotate_secrets()
        self.stdout.write(f"Encrypted {written} secrets with the newest key.")
        if unreadable:
            raise CommandError(
                "No key of FIELD_ENCRYPTION_KEYS reads these; enter them anew in the admin: " + ", ".join(unreadable)
            )
