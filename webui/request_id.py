"""The id of the current request in log lines."""

import logging

from providers.process.request_ids import current

__all__ = ["RequestIdFilter", "current"]


class RequestIdFilter(logging.Filter):
    """Sets `request_id` of every record: `[id] ` inside a request, empty elsewhere."""

    def filter(self, record: logging.LogRecord) -> bool:
        request_id = current.get()
        record.request_id = f"[{request_id}] " if request_id else ""
        return True
