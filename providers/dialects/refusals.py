"""The error for a request that another form cannot say."""

from typing import Any

from providers.errors import BadRequest


def refused(param: str, message: Any) -> BadRequest:
    return BadRequest(message, code="invalid_value", param=param)
