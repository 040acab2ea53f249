"""What people have with their pictures, the jobs that drew them and stars: see `chat.belongings`."""

from collections.abc import Callable
from typing import Any

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from chat.belongings.base import Archive, Belonging
from imagegen import jobs
from imagegen.models import ImageJob, PictureStar

BATCH = 200


class PictureJobs(Belonging):
    """What was asked for, and what came of it. The pictures themselves are files."""

    name = "picture-jobs"
    label = _("Picture jobs")
    models = ("imagegen.ImageJob",)

    def count(self, user_id: int) -> int:
        return ImageJob.objects.filter(user_id=user_id).count()

    def export(self, user: Any, archive: Archive) -> None:
        rows = ImageJob.objects.filter(user_id=user.pk).order_by("created")
        if facts := list(rows.values("id", "prompt", "request", "state", "created", "ended")):
            archive.add_json("picture-jobs.json", facts)

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        rows = ImageJob.objects.filter(user_id=user_id)
        for job in rows.open():
            jobs.cancel(job)
        count = 0
        while keys := list(rows.values_list("pk", flat=True)[:BATCH]):
            rows.filter(pk__in=keys).delete()
            count += len(keys)
            beat()
        return count


class PictureStars(Belonging):
    """Which pictures somebody marked."""

    name = "picture-stars"
    label = _("Stars of pictures")
    models = ("imagegen.PictureStar",)

    def count(self, user_id: int) -> int:
        return PictureStar.objects.filter(user_id=user_id).count()

    def export(self, user: Any, archive: Archive) -> None:
        rows = PictureStar.objects.filter(user_id=user.pk).order_by("created")
        if facts := list(rows.values("created", picture=F("file_id"))):
            archive.add_json("picture-stars.json", facts)

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        return PictureStar.objects.filter(user_id=user_id).delete()[0]
