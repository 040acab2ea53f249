"""The keys of a connection that has several, as sources: each with one key, its own address and headers made once."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from providers.catalogue import keys
from providers.facts import Source


def by_key(sources: Sequence[Source], *, takes_turn: bool = True) -> list[Source]:
    """The sources with their keys in turn. Those of one connection follow each other."""
    return list(chain.from_iterable(_keyed(source, takes_turn) for source in sources))


def _keyed(source: Source, takes_turn: bool) -> list[Source]:
    connection = source.connection
    if not connection.more_keys:
        return [source]
    made: dict[str, Source] = source.memo.setdefault("keys", {})
    keyed = []
    for key in keys.in_turn(connection, source.upstream_id, takes_turn=takes_turn):
        if key not in made:
            others = tuple(other for other in (connection.secret, *connection.more_keys) if other and other != key)
            made[key] = replace(source, connection=replace(connection, secret=key, more_keys=others))
        keyed.append(made[key])
    return keyed
