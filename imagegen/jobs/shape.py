"""A job and its engine as JSON, for the API and the `image:job` events."""

from typing import Any

from chat.file_addresses import content_address
from chat.files import file_json
from imagegen.jobs import claims
from imagegen.models import ImageEngine, ImageJob
from providers import stored_errors


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
