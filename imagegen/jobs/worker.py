"""Runs one job in a thread: stores the pictures that its engine draws, reports progress, and writes how it ended."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import connections
from django.utils import timezone, translation

from chat import files
from chat.files import recipes
from chat.models import File
from imagegen import inputs, rows
from imagegen.engines.base import Cancelled, EngineConfig, Run
from imagegen.engines.events import Event, Learned, Notice, Picture, Progress, TokenUsage
from imagegen.image_request import MAX_SEED, ImageRequest
from imagegen.jobs import claims, estimates, failover, results
from imagegen.jobs.feed import JobFeed
from imagegen.jobs.shape import job_json
from imagegen.models import ImageEngine, ImageJob
from providers import callers, catalogue
from providers.catalogue import health
from providers.errors import ConfigurationError, GatewayError, ProviderError, TooLarge, Unavailable
from providers.facts import Caller
from providers.process import outages, waiting
from providers.relay import budgets, usage
from providers.relay.budgets import Hold
from providers.sentences import sentence as _

logger = logging.getLogger(__name__)
STORE_PAUSES = (1.0, 3.0, 6.0)  # seconds between attempts to store a drawn picture


def make_run(job: ImageJob) -> Run:
    """The run of a job; its deadline is the engine's time limit."""
    limit = job.engine.timeout if job.engine else 600.0

    def started(upstream_id: str) -> None:
        ImageJob.objects.filter(pk=job.pk).update(upstream_id=upstream_id)
        job.upstream_id = upstream_id

    return Run(id=str(job.pk), deadline=time.monotonic() + limit, started=started)


def work(job: ImageJob, run: Run, feed: JobFeed, *, resume: bool, language: str | None, hold: Hold | None) -> bool:
    """Run the job to its end, or until it waits for another engine: whether it has ended. Never raises; closes this
    thread's database connections. `hold`: of `budgets`, where this process took the request.
    """
    waiting.mark_own_work()
    try:
        with translation.override(language) if language else translation.override(None):
            return _work(job, run, feed, resume=resume, hold=hold)
    finally:
        connections.close_all()


def _work(job: ImageJob, run: Run, feed: JobFeed, *, resume: bool, hold: Hold | None) -> bool:
    begun = time.monotonic()
    job_usage = JobUsage()
    fault: GatewayError | None = None
    try:
        for event in _events(job, run, resume=resume):
            _take(event, job, feed, job_usage, run)
        run.check()
        claims.finish(job, ImageJob.State.SUCCEEDED, usage=job_usage.usage())
    except Cancelled:
        tell_upstream(job)
        if run.leaving:
            fault = lost()
            claims.finish(job, ImageJob.State.FAILED, error=fault.message_body())
        else:
            claims.finish(job, ImageJob.State.CANCELLED)
    except GatewayError as error:
        tell_upstream(job)
        if not resume and not job_usage.images and _moved(job, feed, error):
            return False
        logger.info("Picture job %s failed: %s", job.pk, error.code)
        fault = error
        claims.finish(job, ImageJob.State.FAILED, error=error.message_body())
        job_usage.status = error.status
    except Exception:  # the outermost frame of this thread: a job must never stay "running"
        logger.exception("Picture job %s failed", job.pk)
        fault = GatewayError(_("Something went wrong on this site while drawing. Its log has the details."))
        claims.finish(job, ImageJob.State.FAILED, error=fault.message_body())
        job_usage.status = 500
    job_usage.record(job, hold, fault, duration=time.monotonic() - begun)
    _note_health(job, fault, duration=time.monotonic() - begun)
    claims.reread(job)
    results.show_or_log(job)
    feed.end(job_json(job))
    return True


def _moved(job: ImageJob, feed: JobFeed, error: GatewayError) -> bool:
    """Whether a job whose engine is down waits for another one now. The person is told, and the engine is marked."""
    first = job.engine
    if first is None or not failover.is_down(error):
        return False
    try:
        other = failover.next_engine(job, callers.caller_for_user(job.user), *inputs.of_job(job))
        if other is None or not claims.move(job, *other):
            return False
    except Exception:  # the first engine's error is the one that is told
        logger.exception("Picture job %s finds no other engine", job.pk)
        return False
    health.write_now(
        ImageEngine.objects.quietly().filter(pk=first.pk), last_checked=timezone.now(), **health.fault_columns(error)
    )
    names = {"first": first.name, "other": other[0].name}
    feed.noticed(_("%(first)s cannot draw right now, so %(other)s draws this picture.") % names)
    return True


def lost() -> GatewayError:
    """Why a job failed whose process ended, where its engine cannot go on with it."""
    return GatewayError(
        _("The site was restarted while this picture was being made. Try again."), code="interrupted", retryable=True
    )


class JobUsage:
    """The usage of one job, for the usage records."""

    def __init__(self) -> None:
        self.images = 0
        self.usages: list[TokenUsage] = []
        self.status = 200

    def usage(self) -> dict[str, Any] | None:
        """The engine's usage in OpenAI's form (docs/upstreams/openai.md, “Image response”); None without any."""
        return usage_json(self.usages) if self.usages else None

    def _cost(self) -> Decimal | None:
        """The dollars that the provider itself named for all of its calls; None where it did not."""
        costs = [used.cost for used in self.usages]
        known = [Decimal(str(cost)) for cost in costs if cost is not None and 0 <= cost < usage.MAX_COST]
        return sum(known, Decimal(0)) if known and len(known) == len(costs) else None

    def record(self, job: ImageJob, hold: Hold | None, fault: GatewayError | None, *, duration: float) -> None:
        """Write the usage record, and count in the budgets of the person."""
        with suppress(ObjectDoesNotExist):  # the person was deleted meanwhile
            hold = hold or budgets.taken_over(lambda: _person_of(job), job.reserved)
        call = usage.CallUsage(
            kind="image",
            user_id=job.user_id,
            key_id=job.client_key,
            connection_id=job.engine.connection_id if job.engine else None,
            model=job.request.get("model") or (job.engine.name if job.engine else ""),
            upstream_id=str(job.request.get("model") or (job.engine.model if job.engine else "")),
            images=self.images,
            picture_size=str(job.request.get("size") or "")[:20],
            picture_quality=_quality_of(job),
            tokens_in=sum(used.input_tokens for used in self.usages),
            tokens_out=sum(used.output_tokens for used in self.usages),
            picture_tokens_in=sum(used.input_picture_tokens for used in self.usages),
            picture_tokens_out=sum(max(0, used.output_tokens - used.output_text_tokens) for used in self.usages),
            cost=self._cost(),
            status=self.status,
            duration_ms=round(duration * 1000),
            config_version=catalogue.known_version(),
            error_code="" if fault is None else fault.code[:100],
            error_message="" if fault is None else fault.reason[:300],
            group_names=() if hold is None else hold.caller.group_names,
            request_id=str(job.pk),  # its receipt is under the job's id
        )
        if hold is not None:
            hold.price(call)
        usage.record(call)
        if hold is not None:
            hold.settle(call)


def _quality_of(job: ImageJob) -> str:
    params = job.request.get("params") or {}
    return estimates.quality_of(job.engine.params if job.engine else {}, params)


def usage_json(usages: Sequence[TokenUsage]) -> dict[str, Any]:
    """The sum of what an engine counted, in OpenAI's form."""
    sent, written = sum(used.input_tokens for used in usages), sum(used.output_tokens for used in usages)
    pictures = min(sent, sum(used.input_picture_tokens for used in usages))
    words = min(written, sum(used.output_text_tokens for used in usages))
    return {
        "input_tokens": sent,
        "input_tokens_details": {"text_tokens": sent - pictures, "image_tokens": pictures},
        "output_tokens": written,
        "output_tokens_details": {"text_tokens": words, "image_tokens": written - words},
        "total_tokens": sent + written,
    }


def _events(job: ImageJob, run: Run, *, resume: bool) -> Iterator[Event]:
    if job.engine is None:
        raise ConfigurationError(_("The engine of this job was deleted."), code="engine_gone")
    engine, config = rows.engine_of(job.engine), _config_of(job, job.engine)
    if resume:
        yield from engine.resume(config, job.upstream_id, run)
        drawn = job.files.count()  # each picture is stored before the next event is asked for
        if drawn >= (job.request.get("n") or 1):
            return
    else:
        drawn = 0
    images, mask = inputs.of_job(job)
    request = ImageRequest.from_values(job.request, images=images, mask=mask)
    seed = None if request.seed is None else (request.seed + drawn) % (MAX_SEED + 1)
    yield from engine.generate(config, request.but(n=request.n - drawn, seed=seed), run)


def _person_of(job: ImageJob) -> Caller:
    """Whoever asked for the picture, with the key that they used."""
    return replace(callers.caller_for_user(job.user), key_id=job.client_key)


def _config_of(job: ImageJob, engine: ImageEngine) -> EngineConfig:
    """The engine's values for calls in the name of whoever asked for the picture."""
    return rows.config_of(
        engine,
        caller=callers.caller_for_user(job.user, sign_in=job.sign_in),
        chat_id=str(job.chat_id or ""),
        message_id=str(job.message_id or ""),
        model_id=str(job.request.get("model") or engine.model),
    )


def _stored(picture: Picture, job: ImageJob) -> File:
    """The drawn picture as a file, without what the engine wrote into it: that may name its files and its whole graph.

    One that is too large to be opened is a ProviderError, not the caller's fault.
    """
    job.refresh_from_db(fields=["chat", "message"])  # another answer may have taken the job over
    context = replace(inputs.context_of(job), provenance=_provenance(job, picture))
    try:
        return files.accept(job.user, recipes.without(picture.content), name=_file_name(job), context=context)
    except TooLarge as error:
        if error.code != "picture_too_large":
            raise
        raise ProviderError(error.text, code=error.code) from error


def _stored_in_time(picture: Picture, job: ImageJob, run: Run) -> File:
    """`_stored`, tried again for some seconds while the file store or the database is away: the picture is paid for."""
    for pause in (*STORE_PAUSES, None):
        try:
            return _stored(picture, job)
        except Exception as error:
            trouble = outages.of(error)
            if trouble is None:
                raise
            if pause is None:
                raise _not_stored(trouble) from error
            connections.close_all()
        run.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _not_stored(trouble: Unavailable) -> Unavailable:
    words = _("The picture was made, but it could not be stored. %(why)s") % {"why": trouble.message}
    return Unavailable(words, code=trouble.code, status=trouble.status, retry_after=trouble.retry_after)


def _take(event: Event, job: ImageJob, feed: JobFeed, job_usage: JobUsage, run: Run) -> None:
    match event:
        case Progress():
            if feed.moved(event):
                ImageJob.objects.filter(pk=job.pk).update(progress=feed.progress)
        case Picture():
            job.files.add(_stored_in_time(event, job, run))
            job_usage.images += 1
        case TokenUsage():
            job_usage.usages.append(event)
        case Notice():
            feed.noticed(event.text)
        case Learned():
            _remember(job.engine, event.param)


def _provenance(job: ImageJob, picture: Picture) -> dict[str, Any]:
    facts = {
        "engine": job.engine.name if job.engine else "",
        "kind": job.engine.kind if job.engine else "",
        "demo": bool(job.engine and job.engine.demo),
        "model": picture.model,
        "prompt": job.prompt,
        "revised_prompt": picture.revised_prompt,
        "original_prompt": job.request.get("original_prompt", ""),
        "negative_prompt": job.request.get("negative_prompt", ""),
        "seed": picture.seed,
        "steps": job.request.get("steps"),
        "inputs": list(job.input_order),
        "job": str(job.pk),
        **picture.provenance,
    }
    return {name: value for name, value in facts.items() if value not in ("", None, False, [])}


def _file_name(job: ImageJob) -> str:
    words = "-".join("".join(char if char.isalnum() else " " for char in job.prompt).split()[:6])
    return words[:60] or "picture"


def _remember(engine: ImageEngine | None, param: str) -> None:
    if engine is not None and param not in engine.dropped:
        engine.dropped = [*engine.dropped, param]
        ImageEngine.objects.quietly().filter(pk=engine.pk).update(dropped=engine.dropped)


def tell_upstream(job: ImageJob) -> None:
    """Have the upstream stop the job's work; a failure is only logged."""
    if job.engine is None or not job.upstream_id:
        return
    try:
        rows.engine_of(job.engine).cancel(_config_of(job, job.engine), job.upstream_id)
    except GatewayError as error:
        logger.warning("Could not stop picture job %s at its engine: %s", job.pk, error.code)


def abandon(job: ImageJob) -> None:
    """`tell_upstream` in a thread of its own, for a job that nobody can go on with."""
    waiting.mark_own_work()
    try:
        tell_upstream(job)
    finally:
        connections.close_all()


def _note_health(job: ImageJob, fault: GatewayError | None, *, duration: float) -> None:
    """Write what a job that has ended says of its engine; nothing where it was cancelled, or failed by its request."""
    if job.engine is None:
        return
    now = timezone.now()
    row = ImageEngine.objects.quietly().filter(pk=job.engine.pk)
    if job.state == ImageJob.State.SUCCEEDED:
        spent = round(duration * 1000)
        health.write_now(row, last_ok=now, last_checked=now, **health.NO_FAULT, last_duration_ms=spent)
    elif job.state == ImageJob.State.FAILED and fault is not None and fault.blame != "caller":
        health.write_now(row, last_checked=now, **health.fault_columns(fault))
