"""The run of an export: everything that a person has, as a ZIP archive that is kept for some days."""

import tempfile
import zipfile
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from chat.belongings import table
from chat.belongings.base import Archive
from chat.models import Transfer
from chat.transfers import Work


def run(work: Work) -> dict[str, Any]:
    """Write the archive, store it, and take away those that were made before."""
    user = work.row.user
    counts = {belonging.name: belonging.count(user.pk) for belonging in table.all_of()}
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", allowZip64=True) as packed:
            archive = Archive(packed, file, limit=settings.EXPORT_MAX_BYTES, beat=work.beat)
            for belonging in table.all_of():
                belonging.export(user, archive)
        work.beat(share=1)
        work.keep(file)
    work.row.expires_at = timezone.now() + timedelta(days=settings.EXPORT_DAYS)
    earlier = Transfer.objects.filter(user_id=user.pk, kind=Transfer.TransferKind.EXPORT).exclude(pk=work.row.pk)
    for row in earlier.exclude(state__in=Transfer.OPEN):
        row.delete()
    return {"counts": counts}
