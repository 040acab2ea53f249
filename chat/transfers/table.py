"""Which works there are: `CHAT_TRANSFERS` names for each kind of row the function that does it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from chat.transfers.base import Work


def function_of(kind: str) -> Callable[[Work], dict[str, Any]]:
    """The function that does works of this kind: it returns the report."""
    function: Callable[[Work], dict[str, Any]] = import_string(settings.CHAT_TRANSFERS[kind])
    return function
