"""`manage.py rebuild_search`: make the index of the search anew."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from chat.models import Chat, Message, SearchEntry
from chat.search import index

STEP = 10_000  # chats and messages between two lines that say how far it is


class Command(BaseCommand):
    help = "Index the titles and messages of all chats anew. People may go on meanwhile."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--missing", action="store_true", help="only what is not in the index")

    def handle(self, *args: Any, missing: bool, **options: Any) -> None:
        def tell(count: int) -> None:
            if count // STEP > max(0, count - index.BATCH) // STEP:
                self.stdout.write(f"{count} …")

        count = index.fill(Chat, Message, SearchEntry, anew=not missing, tell=tell)
        self.stdout.write(f"{count} titles and messages were indexed.")
