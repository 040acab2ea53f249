"""Queries of the settings pages."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from providers.models import ClientKey, UsageRecord
from webui.models import User

USAGE_DAYS = 30


def keys_of(user: User) -> QuerySet[ClientKey]:
    """The keys of a person, also expired ones; without revoked ones."""
    return ClientKey.objects.filter(user=user, revoked_at=None)


def usage_of(user: User, *, days: int = USAGE_DAYS) -> list[dict[str, Any]]:
    """One row per day and model, newest first: {day, model, calls, failed, total_in, total_out, total_images}."""
    since = timezone.now() - timedelta(days=days)
    rows: Any = (
        UsageRecord.objects.filter(user=user, when__gte=since)
        .annotate(day=TruncDate("when"))
        .values("day", "model")
        .annotate(
            calls=Count("id"),
            failed=Count("id", filter=Q(status__gte=400) & ~Q(status=499)),
            total_in=Sum("tokens_in"),
            total_out=Sum("tokens_out"),
            total_images=Sum("images"),
        )
        .order_by("-day", "model")
    )
    return list(rows)
