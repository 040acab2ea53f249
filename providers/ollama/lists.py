"""The lists of Ollama's protocol, with the ids of this site, for one caller. Pure.

Source: docs/upstreams/ollama.md, “Model list”
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from providers.facts import ConnectionFacts, Route
from providers.relay.ollama import LATEST, own_sources

NEVER = "0001-01-01T00:00:00Z"  # Go's zero, which clients can read
DETAILS: dict[str, Any] = {
    "parent_model": "",
    "format": "",
    "family": "",
    "families": [],
    "parameter_size": "",
    "quantization_level": "",
}
OTHERS = frozenset({"id", "name", "model", "object", "owned_by", "created"})  # members of OpenAI's object of a model


def own_routes(routes: Iterable[Route]) -> Iterator[Route]:
    """The routes that can be called in Ollama's protocol, with these sources alone."""
    return (own for route in routes if (own := own_sources(route)) is not None)


def tags(routes: Iterable[Route]) -> dict[str, Any]:
    """`GET /api/tags`."""
    return {"models": [_tag(route) for route in own_routes(routes)]}


def _tag(route: Route) -> dict[str, Any]:
    raw = route.sources[0].raw
    details = raw.get("details")
    created = raw.get("created")
    known = {name: value for name, value in raw.items() if name not in OTHERS}
    return {
        "name": route.public_id,
        "model": route.public_id,
        "modified_at": _moment(created) if isinstance(created, int) else NEVER,
        "size": 0,
        "digest": "",
        **known,
        "details": {
            **DETAILS,
            **(details if isinstance(details, dict) else {}),
            **({"parent_model": route.base_id} if route.base_id else {}),
        },
    }


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return NEVER


def servers_of(routes: Iterable[Route]) -> list[ConnectionFacts]:
    """The servers that offer these, each once."""
    servers = {source.connection.id: source.connection for route in own_routes(routes) for source in route.sources}
    return list(servers.values())


def loaded(routes: Iterable[Route], answers: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """`GET /api/ps` of the answers of several servers: the models that these routes name, by their ids here."""
    ids: dict[tuple[int, str], str] = {}
    for route in sorted(own_routes(routes), key=lambda route: route.base_id is not None):  # a preset's base before it
        for source in route.sources:
            ids.setdefault((source.connection.id, source.upstream_id), route.public_id)
    models = []
    for connection_id, answer in answers.items():
        listed = answer.get("models")
        for entry in listed if isinstance(listed, list) else ():
            name = entry.get("model") or entry.get("name") if isinstance(entry, dict) else None
            if not isinstance(name, str):
                continue
            public_id = ids.get((connection_id, name)) or ids.get((connection_id, name.removesuffix(LATEST)))
            if public_id is not None:
                models.append({**entry, "name": public_id, "model": public_id})
    return {"models": models}


def lowest_version(answers: Iterable[Mapping[str, Any]]) -> str:
    """The oldest version among the answers: what all of the servers can do. Empty without any."""
    versions = [answer["version"] for answer in answers if isinstance(answer.get("version"), str)]
    return min(versions, key=_numbers, default="")


def _numbers(version: str) -> list[int]:
    parts = version.partition("-")[0].split(".")[:4]
    return [int(part) if part.isdecimal() and len(part) < 9 else 0 for part in parts]
