"""Trying an engine out: ask it, or have it draw a small picture through the real path."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from chat.models import File
from imagegen import config, inputs, jobs, rows, services
from imagegen.jobs import claims
from imagegen.models import ImageEngine, ImageJob
from imagegen.picture_request import PictureRequest
from providers.errors import GatewayError, UpstreamTimeout
from providers.services import Tested

PATIENCE = 180.0  # seconds a test picture may take; a cold checkpoint loads for minutes
SMALL = "512x512"


def check(row: ImageEngine) -> Tested:
    """Ask the upstream whether address and key are right; what it says stands on the row."""
    begun = timezone.now()
    health = ImageEngine.objects.quietly().filter(pk=row.pk)
    try:
        words = str(config.check(row)["detail"])
    except GatewayError as error:
        health.update(last_checked=begun, last_error=error.full_message[:2000])
        return Tested(False, error.full_message)
    spent = round((timezone.now() - begun).total_seconds() * 1000)
    health.update(last_checked=begun, last_ok=begun, last_error="", last_duration_ms=spent)
    return Tested(True, words)


def draw(user: Any, row: ImageEngine, prompt: str) -> list[File]:
    """A small picture by this very engine, switched on or not, as a job of this administrator's.

    Raises what went wrong.
    """
    engine, values = rows.engine_of(row), rows.config_of(row)
    wish = PictureRequest(prompt=prompt)
    if not engine.capabilities(values).size_problem(SMALL):
        wish = wish.but(size=SMALL)
    wish = engine.prepare(values, wish)
    job = ImageJob.objects.create(
        user=user,
        engine=row,
        prompt=wish.prompt,
        request=wish.values(),
        input_order=inputs.ids_of([]),
        worker=claims.worker(),
        heartbeat=timezone.now(),
    )
    jobs.submit(job)
    if jobs.wait_for(job, timeout=PATIENCE).is_open:
        jobs.cancel(job)
        raise UpstreamTimeout(_("The picture was not ready after %d seconds.") % PATIENCE)
    return services.finished_files(job)
