"""Long tables in parts: every run tries some variants of each, `make soak` (ALL_VARIANTS=1) tries all.

Which ones a run tries is fixed, so that a run can be repeated. Neighbours in a table try others. A test with very many
variants is thinned out at its collection (`thinned`), unless its name says that it tries every one.
"""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

Variant = TypeVar("Variant")
IS_WHOLE = bool(os.environ.get("ALL_VARIANTS"))
MOST = 8  # variants of one test


def some(variants: Sequence[Variant], turn: int, *, few: int = 2) -> Sequence[Variant]:
    """`few` of the variants: over enough turns they are all there."""
    if IS_WHOLE:
        return variants
    return [variants[(turn * few + number) % len(variants)] for number in range(min(few, len(variants)))]


def thinned(test: str, variants: Sequence[Variant]) -> Sequence[Variant]:
    """At most `MOST` of the variants of a test, by a lot that its name draws: at equal distances, a table whose lines
    come in pairs would show one side of each alone.
    """
    if IS_WHOLE or len(variants) <= MOST or "every" in test:
        return variants
    return random.Random(test).sample(variants, MOST)
