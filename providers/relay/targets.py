"""Which rate limits and budgets concern a caller: the one rule for both.

Of rows that have the same thing to say, such as requests per minute, those of the first target in `SPECIFIC` that has
any replace the others, so a person's own limit may be wider than the one of each person. The rows of a caller's groups,
which a group uses up together, and of all people together count in addition.
"""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from providers.facts import Caller

SPECIFIC = ("key", "user", "everyone")  # targets whose rows replace each other, the most specific first


def target_of(counter: str) -> str:
    """The target of the row whose counter has this name."""
    first = counter.partition(":")[0]
    return "everyone" if first.startswith("each") else first


class Targeted(Protocol):
    """The facts of a row with a target: everyone, user, group, key or site; `target_id` is the person's, group's or
    key's.
    """

    @property
    def id(self) -> int: ...
    @property
    def target(self) -> str: ...
    @property
    def target_id(self) -> int | None: ...


R = TypeVar("R", bound=Targeted)


def counter_of(row: Targeted, caller: Caller) -> str:
    """The name of the counter that a caller's request counts in for this row; empty where it does not concern them."""
    match row.target:
        case "everyone":
            return f"each{row.id}:{caller.user_id}"
        case "user" if row.target_id == caller.user_id:
            return f"user:{caller.user_id}:{row.id}"
        case "group" if row.target_id in caller.group_ids:
            return f"group:{row.target_id}:{row.id}"
        case "key" if row.target_id is not None and row.target_id == caller.key_id:
            return f"key:{caller.key_id}:{row.id}"
        case "site":
            return f"site:{row.id}"
    return ""


def concerning(caller: Caller, rows: Iterable[R]) -> list[tuple[R, str]]:
    """The rows that concern a caller, each with the name of its counter."""
    return [(row, name) for row in rows if (name := counter_of(row, caller))]


def most_specific(alike: Iterable[tuple[R, str]]) -> list[tuple[R, str]]:
    """Of rows that concern a caller and say the same thing, those that no more specific one replaces."""
    rows = list(alike)
    having = {row.target for row, _name in rows}
    replaced = set(SPECIFIC) - {next((target for target in SPECIFIC if target in having), "")}
    return [(row, name) for row, name in rows if row.target not in replaced]
