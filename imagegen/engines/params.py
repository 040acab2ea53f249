"""An administrator's own parameters, put over a request's body."""

from collections.abc import Mapping
from typing import Any


def merged(body: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """`body` updated with `params`, objects member by member; a null removes a member."""
    result = dict(body)
    for name, value in params.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            inner = result.get(name)
            result[name] = merged(inner if isinstance(inner, Mapping) else {}, value)
        else:
            result[name] = value
    return result
