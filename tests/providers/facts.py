"""Facts of connections and routes without rows, for pure functions."""

from typing import Any

from hypothesis import strategies as st

from providers.facts import Caller, ConnectionFacts, Route, Source
from providers.http import Limits, Tls
from providers.relay import payload
from providers.relay.operations import OPERATIONS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
ALICE = Caller(user_id=7, email="alice@example.com", name="Alice", role="user")


def connection_to(base_url: str = "https://models.example/v1", **changes: Any) -> ConnectionFacts:
    values: dict[str, Any] = {
        "id": 1, "name": "One", "kind": "openai", "base_url": base_url, "secret": "s",
        "auth_type": "bearer", "auth_options": {}, "api_version": "", "prefix_id": "", "tags": (),
        "connection_type": "external", "headers": {}, "forward_cookies": "none", "limits": Limits(), "tls": Tls(),
        "position": 0, "access": "public", "group_ids": frozenset(), "demo": False, "model_ids": (),
    }  # fmt: skip
    return ConnectionFacts(**{**values, **changes})


def route_to(connection: ConnectionFacts, upstream_id: str = "m1", raw: Any = None, **changes: Any) -> Route:
    source = Source(connection, upstream_id, raw or {"id": upstream_id})
    values: dict[str, Any] = {
        "public_id": upstream_id, "name": "", "description": "", "sources": (source,), "base_id": None, "params": {},
        "system_prompt": "", "owner_id": None, "access": "inherit", "group_ids": frozenset(), "user_ids": frozenset(),
        "tags": (), "vision": None, "tools": None,
    }  # fmt: skip
    return Route(**{**values, **changes})


def rewritten(
    body: dict[str, Any],
    *,
    model: str = "m1",
    base_url: str = "https://models.example/v1",
    operation: str = "chat",
    raw: Any = None,
    route: dict[str, Any] | None = None,
    **connection: Any,
) -> dict[str, Any]:
    """The body that a source gets for a request."""
    one = route_to(connection_to(base_url, **connection), model, raw, **(route or {}))
    asked = {
        "model": one.public_id,
        **({"messages": [{"role": "user", "content": "hi"}]} if operation == "chat" else {}),
    }
    return payload.rewrite(OPERATIONS[operation], {**asked, **body}, route=one, source=one.sources[0], caller=ALICE)
