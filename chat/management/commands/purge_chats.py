"""`manage.py purge_chats`: remove deleted chats for good."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from chat import services


class Command(BaseCommand):
    help = "Remove for good the chats whose deletion is older than some days; until then it can be undone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=services.TRASH_DAYS, help="default: %(default)s")

    def handle(self, *args: Any, days: int, **options: Any) -> None:
        if days < 0:
            raise CommandError("--days must be 0 or more.")
        count = services.purge_chats(before=timezone.now() - timedelta(days=days))
        self.stdout.write(f"{count} chats removed.")
