"""`manage.py housekeeping`: clear away what is over. A serving site does it once a day by itself."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webui import housekeeping


class Command(BaseCommand):
    help = "Remove deleted chats, expired files and sessions, and old usage records, picture jobs and versions of rows."

    def handle(self, **options: Any) -> None:
        removed, failed = housekeeping.run()
        self.stdout.write(f"Removed {housekeeping.words(removed)}.")
        if failed:
            raise CommandError(f"Could not be cleared away: {', '.join(failed)}. The log says why.")
