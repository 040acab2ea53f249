"""Tests of an engine for administrators: a check of address and key, or a small picture as an ordinary job."""

from django.utils import timezone

from chat.models import File
from imagegen import config, jobs, rows, services
from imagegen.models import ImageEngine
from providers.catalogue import health
from providers.errors import OF_CALLER, GatewayError, UpstreamTimeout
from providers.facts import Caller
from providers.sentences import sentence as _
from providers.services import DOUBTFUL, CheckResult, untested

PATIENCE = 180.0  # seconds a test picture may take: a checkpoint that is not loaded takes minutes
SMALL = "512x512"


def check(row: ImageEngine, *, by: Caller | None = None) -> CheckResult:
    """Ask the upstream whether calls will work; the row's health columns store the result."""
    begun = timezone.now()
    stored = ImageEngine.objects.quietly().filter(pk=row.pk)
    try:
        result = config.check(row, by=by)
    except OF_CALLER as error:
        return untested(error)
    except GatewayError as error:
        health.write_now(stored, last_checked=begun, **health.fault_columns(error))
        return CheckResult(False, error.full_message)
    spent = round((timezone.now() - begun).total_seconds() * 1000)
    health.write_now(stored, last_checked=begun, last_ok=begun, **health.NO_FAULT, last_duration_ms=spent)
    if doubt := result.get("doubt"):
        return CheckResult(True, f"{result['detail']} {doubt}", ms=spent, note=DOUBTFUL)
    return CheckResult(True, result["detail"], ms=spent)


def draw(caller: Caller, row: ImageEngine, prompt: str) -> list[File]:
    """A small picture by this very engine, switched on or not, as a job of this administrator's.

    Raises what went wrong.
    """
    engine, values = rows.engine_of(row), rows.config_of(row)
    size = "" if engine.capabilities(values).size_problem(SMALL) else SMALL
    request = services.JobRequest(caller=caller, values={"prompt": prompt, "size": size}, tested_engine=row)
    job, _new = services.request_images(request)
    if jobs.wait_for(job, timeout=PATIENCE).is_open:
        jobs.cancel(job)
        raise UpstreamTimeout(_("The picture was not ready after %d seconds.") % PATIENCE)
    return services.finished_files(job)
