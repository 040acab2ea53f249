"""The list of usage records, what they add up to, and what would become of a call."""

from providers.admin.usage.records import UsageRecordAdmin

__all__ = ["UsageRecordAdmin"]
