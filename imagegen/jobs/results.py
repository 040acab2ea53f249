"""The results of a job whose reply is gone: they are shown in its chat.

Mostly the reply's own process waits for its job and shows the pictures. Where that process has died or was stopped, the
end of the job shows them, in whatever process it comes.
"""

import logging
from typing import Any

from django.db import DatabaseError

from chat import runs
from chat.files import file_json
from chat.models import File, Message
from imagegen.models import ImageJob
from providers import stored_errors
from providers.sentences import sentence as _

logger = logging.getLogger(__name__)


def show(job: ImageJob) -> None:
    """Add what a job that has ended made, or why it made nothing, to its interrupted answer. Idempotent."""
    message_id = ImageJob.objects.filter(pk=job.pk).values_list("message_id", flat=True).first()
    if message_id is None or job.state == ImageJob.State.CANCELLED:
        return
    if job.state == ImageJob.State.SUCCEEDED:
        files = [event_file(row) for row in job.files.order_by("created")]
        step: dict[str, Any] = {"description": _("Image created"), "done": True, "prompt": job.prompt}
    else:
        files = []
        detail = stored_errors.in_full(job.error or {}, for_admin=job.user.is_superuser)
        description = _("An error occurred while generating an image")
        step = {"description": description, "done": True, "error": True, "detail": detail}
    runs.add_result(message_id, files=files, step=step)


def show_or_log(job: ImageJob) -> None:
    """`show` at the end of a job, which stays ended when the database is away."""
    try:
        show(job)
    except DatabaseError:
        logger.warning("The result of picture job %s is not shown in its chat", job.pk, exc_info=True)


def show_for(message: Message) -> None:
    """`show` the jobs of an answer that has just been interrupted: they may have ended a moment before."""
    for job in ImageJob.objects.ended().filter(message=message):
        show(job)


def event_file(row: File) -> Any:
    """A file in the form of the `files` event."""
    file = file_json(row)
    if "seed" in row.provenance:  # as text: JavaScript would round large numbers
        file["provenance"] = {**row.provenance, "seed": str(row.provenance["seed"])}
    names = ("type", "url", "id", "name", "content_type", "width", "height", "provenance")
    return {name: file[name] for name in (*names, *(["expires_at"] if row.expires_at else []))}
