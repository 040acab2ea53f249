"""The list of usage records, and what they add up to."""

from providers.admin.usage.records import UsageRecordAdmin

__all__ = ["UsageRecordAdmin"]
