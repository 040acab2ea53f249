"""Context variables with a value for one block of code."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def assigned(variable: ContextVar[T], value: T) -> Iterator[None]:
    """The variable has this value inside the block, and its earlier value afterwards."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
