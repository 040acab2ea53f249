"""An installation that holds much, and what its pages cost. `manage.py shell` runs `fill` and `measure` inside it."""

import json
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import Chat, File, Message
from imagegen.models import ImageEngine, ImageJob
from providers.models import Connection, UsageRecord

PER_CHAT = 50  # messages
BATCH = 2000
MINUTES = 30 * 24 * 60  # over which usage is spread, as far as a person's page of usage looks back
NOW = timezone.now()


def fill(*, chats: int = 0, usage: int = 0, files: int = 0) -> None:
    """Add so many rows of the administrator's, older than those that are there."""
    owner = get_user_model().objects.get()
    _add_chats(owner, chats)
    server = Connection.objects.first()
    _write(
        UsageRecord,
        [
            UsageRecord(
                user=owner,
                connection=server,
                kind="chat",
                model="m1",
                tokens_in=5,
                status=200,
                when=_ago(number * 977 % MINUTES),
            )
            for number in range(usage)
        ],
    )
    _add_pictures(owner, files)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _add_chats(owner: Any, count: int) -> None:
    chats = [
        Chat(user=owner, title=f"About number {number}", model="m1", updated=_ago(number)) for number in range(count)
    ]
    _write(Chat, chats)
    messages, is_first = [], not Message.objects.exists()
    for number, chat in enumerate(chats):
        parent = None
        for turn in range(PER_CHAT):
            role = "assistant" if turn % 2 else "user"
            rare = "A quagga." if is_first and turn == number == 7 else ""
            text = f"Turn {turn} of chat {number}, in which a few words are said. {rare}"
            parent = Message(chat=chat, parent=parent, role=role, content=text, model="m1", created=_ago(number, turn))
            messages.append(parent)
        chat.leaf = parent
    _write(Message, messages)
    Chat.objects.bulk_update(chats, ["leaf"], batch_size=500)


def _add_pictures(owner: Any, count: int) -> None:
    engine = ImageEngine.objects.first()
    jobs, files = [], []
    for number in range(count):
        job = ImageJob(user=owner, engine=engine, state="succeeded", prompt=f"kite {number}", created=_ago(number))
        made = {"prompt": job.prompt, "engine": "Engine", "job": str(job.pk)}
        place = {"storage_name": f"files/{number % 7}.png", "sha256": f"{number:064x}", "created": _ago(number)}
        size = {"size": 70, "width": 8, "height": 8, "content_type": "image/png"}
        jobs.append(job)
        files.append(File(owner=owner, name=f"kite-{number}.png", provenance=made, **place, **size))
    _write(ImageJob, jobs)
    _write(File, files)
    link = ImageJob.files.through
    _write(link, [link(imagejob=job, file=file) for job, file in zip(jobs, files, strict=True)])


def _ago(number: int, turn: int = 0) -> Any:
    return NOW - timedelta(minutes=number) + timedelta(milliseconds=turn)


def _write(model: type[Model], rows: Sequence[Any]) -> None:
    model._base_manager.bulk_create(rows, batch_size=BATCH)


def measure(paths: Iterable[str]) -> None:
    """Print, as JSON, the number of queries, the bytes and the milliseconds of each page at its second visit."""
    client = Client(headers={"Host": "127.0.0.1"})
    client.force_login(get_user_model().objects.get())
    costs = {}
    for path in paths:
        for _visit in range(2):  # the first one fills caches
            begun = time.perf_counter()
            with CaptureQueriesContext(connection) as queries:
                page = client.get(path)
            took = time.perf_counter() - begun
        assert page.status_code == 200, f"{path}: {page.status_code}"
        costs[path] = [len(queries), len(page.content), round(took * 1000)]
    print(json.dumps(costs))
