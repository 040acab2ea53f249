"""The daily removal of expired data: `manage.py housekeeping`, and by itself in a site that serves.

It deletes the trash of chats, expired files and sessions, and old records; what usage records add up to stays.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.db.models import Exists, OuterRef
from django.utils import timezone

from chat import files, transfers
from chat import services as chats
from chat.drafts import services as drafts
from imagegen import services as pictures
from providers import sign_ins
from providers.models import BudgetNotice, MadeResponse
from providers.process import clock, deletion, waiting
from providers.relay.usage import roll_up
from webui.models import Housekeeping

LOOK_SECONDS = 600.0  # between checks whether housekeeping is due

NOTICES = timedelta(days=62)  # how long it is known that people were warned of a budget

logger = logging.getLogger(__name__)


def run(*, now: datetime | None = None) -> tuple[dict[str, int], list[str]]:
    """Do every task, also after one that fails. Returns how much each removed, and the names of those that failed."""
    now = now or timezone.now()
    removed, failed = {}, []
    for name, task in TASKS.items():
        try:
            removed[name] = task(now)
        except Exception:  # any error: the other tasks do not depend on this one
            logger.exception("Housekeeping: %s could not be cleared away", name)
            failed.append(name)
    return removed, failed


def is_due(*, now: datetime | None = None) -> bool:
    """Whether housekeeping is due. Claims the run as well: of all processes on all machines, one gets True."""
    now = now or timezone.now()
    if not settings.HOUSEKEEPING_HOURS:
        return False
    row, new = Housekeeping.objects.get_or_create(pk=1, defaults={"begun": now})
    is_late = clock.is_older("begun", timedelta(hours=settings.HOUSEKEEPING_HOURS), now)
    return not new and bool(Housekeeping.objects.filter(is_late, pk=row.pk).update(begun=now))


# --- the tasks --------------------------------------------------------------------------------------------------------


def _sessions(now: datetime) -> int:
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    sign_ins.purge(now=now)
    return deletion.in_batches(store.get_model_class().objects.filter(expire_date__lt=now))


def _files(now: datetime) -> int:
    result = files.collect(now=now)
    return result.expired + result.stray


def _usage(now: datetime) -> int:
    deletion.in_batches(BudgetNotice.objects.filter(period_start__lt=now - NOTICES))  # their periods are over
    before = _before(now, settings.USAGE_DAYS)
    return roll_up.roll_up(before) if before else 0


def _responses(now: datetime) -> int:
    before = _before(now, settings.RESPONSE_DAYS)
    return deletion.in_batches(MadeResponse.objects.filter(when__lt=before)) if before else 0


def _jobs(now: datetime) -> int:
    before = _before(now, settings.JOB_DAYS)
    return pictures.purge_ended_jobs(before=before) if before else 0


def _history(now: datetime) -> int:
    """Delete old versions of rows. The newest version of each row stays: it shows that a deleted row existed."""
    before = _before(now, settings.HISTORY_DAYS)
    if before is None:
        return 0
    count = deletion.in_batches(LogEntry.objects.filter(action_time__lt=before))
    for model in apps.get_models():
        if not hasattr(model, "instance_type") or not hasattr(model, "history_date"):
            continue
        key = model.instance_type._meta.pk.attname
        newer = model._base_manager.filter(**{key: OuterRef(key)}, history_id__gt=OuterRef("history_id"))
        old = model._base_manager.filter(Exists(newer), history_date__lt=before)
        for relation in model._meta.related_objects:  # many-to-many rows of a version: no cascade deletes them
            of_old = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": old.values("pk")})
            deletion.in_batches(of_old)
        count += deletion.in_batches(old)
    return count


def _before(now: datetime, days: int) -> datetime | None:
    return now - timedelta(days=days) if days else None


TASKS: dict[str, Callable[[datetime], int]] = {
    "expired sessions": _sessions,
    "deleted chats": lambda now: chats.purge_chats(before=now - timedelta(days=chats.TRASH_DAYS)),
    "drafts": lambda now: drafts.purge(now),
    "imports and exports": lambda now: transfers.purge(now),
    "files": _files,
    "usage records": _usage,
    "makers of responses": _responses,
    "picture jobs": _jobs,
    "old versions": _history,
}


# --- in a site that serves --------------------------------------------------------------------------------------------


class Housekeeper:
    """A thread that runs the tasks whenever they are due, as long as the process serves."""

    def __init__(self) -> None:
        self.ending = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._live, name="housekeeping", daemon=True).start()

    def _live(self) -> None:
        waiting.mark_own_work()
        while True:
            try:
                if is_due():
                    removed, _failed = run()
                    logger.info("Housekeeping removed %s", words(removed))
            except Exception:  # the outermost frame of this thread
                logger.exception("Housekeeping could not be done")
            finally:
                connections.close_all()
            if waiting.for_event(self.ending, LOOK_SECONDS):
                return

    def close(self) -> None:
        self.ending.set()


def words(removed: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in removed.items() if count) or "nothing"
