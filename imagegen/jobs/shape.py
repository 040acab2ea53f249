"""A job, its engine and what is known before it as JSON, for the API and the `image:job` events."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chat.file_addresses import content_address
from chat.files import file_json
from imagegen.jobs import claims
from imagegen.jobs.estimates import Estimate
from imagegen.models import ImageEngine, ImageJob
from providers import catalogue, stored_errors
from providers.pricing import money

MINUTES_FROM = 100  # seconds that are told in minutes


def job_json(job: ImageJob) -> dict[str, Any]:
    """A job as the API and the events send it."""
    waiting = job.state == ImageJob.State.QUEUED
    return {
        "id": str(job.pk),
        "state": job.state,
        "prompt": job.prompt,
        "engine": engine_json(job.engine) if job.engine else None,
        "request": {name: value for name, value in job.request.items() if value not in (None, "", {})},
        "inputs": [content_address(key) for key in job.input_order],
        "progress": job.progress,
        "queue": claims.queue_position(job) if waiting else None,
        "files": [file_json(row) for row in job.files.all()] if job.state == ImageJob.State.SUCCEEDED else [],
        "error": stored_errors.for_owner(job.error, lambda: job.user),
        "attempts": job.attempts,
        "chat_id": str(job.chat_id) if job.chat_id else None,
        "message_id": str(job.message_id) if job.message_id else None,
        "created": job.created.isoformat(),
        "started": job.started.isoformat() if job.started else None,
        "ended": job.ended.isoformat() if job.ended else None,
    }


def engine_json(engine: ImageEngine) -> dict[str, Any]:
    return {"id": engine.pk, "name": engine.name, "kind": engine.kind, "demo": engine.demo}


def estimate_json(estimate: Estimate, budgets: Sequence[str]) -> dict[str, Any]:
    """What is known of a request before it is made; `budgets` say which of them it would pass."""
    gateway = catalogue.snapshot_blocking().gateway
    cost = money.shown(estimate.cost, gateway)
    return {
        "pictures": estimate.pictures,
        "quality": estimate.quality,
        "seconds": None if estimate.seconds is None else round(estimate.seconds, 1),
        "cost": None if cost is None else float(cost),
        "currency": gateway.currency,
        "before": estimate.before,
        "above_limit": estimate.is_above_limit,
        "budgets": list(budgets),
        "words": _in_words(estimate, "" if cost is None else money.in_words(estimate.cost, gateway)),
    }


def _in_words(estimate: Estimate, cost: str) -> str:
    """`3 pictures · high quality · about 40 s · 0.51 USD · 2 before you`; empty where none of the last three is
    known.
    """
    before = ngettext("%d before you", "%d before you", estimate.before) % estimate.before if estimate.before else ""
    known = [part for part in (_time(estimate.seconds), cost, before) if part]
    if not known:
        return ""
    pictures = ngettext("%d picture", "%d pictures", estimate.pictures) % estimate.pictures
    return " · ".join([pictures, *([_quality(estimate.quality)] if estimate.quality else []), *known])


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds >= MINUTES_FROM:
        return _("about %d min") % round(seconds / 60)
    return _("about %d s") % (max(1, round(seconds)) if seconds < 10 else 5 * round(seconds / 5))


def _quality(name: str) -> str:
    usual = {"low": _("low quality"), "medium": _("medium quality"), "high": _("high quality")}
    return usual.get(name, name)
