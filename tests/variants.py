"""Long tables in parts: every run tries some variants of each, `make soak` (ALL_VARIANTS=1) tries all.

Which ones a run tries is fixed, so that a run can be repeated. Neighbours in a table try others. A test with very many
variants is thinned out at its collection (`thinned`), unless its name says that it tries every one. What others try in
less time has the mark `soak`.
"""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

Variant = TypeVar("Variant")
IS_WHOLE = bool(os.environ.get("ALL_VARIANTS"))
MOST = 5  # variants of one test …
MOST_OF_BROWSERS, MOST_OF_PROCESSES = 1, 1  # … of one that opens pages, or starts processes


def some(variants: Sequence[Variant], turn: int, *, few: int = 2) -> Sequence[Variant]:
    """`few` of the variants: over enough turns they are all there."""
    if IS_WHOLE:
        return variants
    return [variants[(turn * few + number) % len(variants)] for number in range(min(few, len(variants)))]


def thinned(test: str, variants: Sequence[Variant], *, most: int = MOST) -> Sequence[Variant]:
    """At most so many of the variants of a test, by a lot that its name draws: at equal distances, a table whose lines
    come in pairs would show one side of each alone.
    """
    if IS_WHOLE or len(variants) <= most or "every" in test:
        return variants
    return random.Random(test).sample(variants, most)
