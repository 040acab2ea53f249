"""The id of the request that is being answered, for the log."""

import logging

from providers.request_ids import current

__all__ = ["RequestIdFilter", "current"]


class RequestIdFilter(logging.Filter):
    """Puts `request_id` on every record: `[id] ` inside a request, nothing elsewhere."""

    def filter(self, record: logging.LogRecord) -> bool:
        request_id = current.get()
        record.request_id = f"[{request_id}] " if request_id else ""
        return True
