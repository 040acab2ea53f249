"""`manage.py collect_files`: remove expired files and bytes that no row holds; name rows whose bytes are gone."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from chat import files


class Command(BaseCommand):
    help = "Removes expired files and stored bytes that nothing refers to. Run it once a day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")

    def handle(self, *args: Any, **options: Any) -> None:
        result = files.collect(dry_run=options["dry_run"])
        verb = "Would remove" if options["dry_run"] else "Removed"
        self.stdout.write(f"{verb} {result.expired} expired files and {result.stray} stray objects.")
        for file_id in result.missing:
            self.stderr.write(f"The bytes of file {file_id} are missing from the store.")
