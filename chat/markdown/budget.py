"""The budget of one rendering: how many steps of the parser and how many seconds a text may cost.

Cost is counted in steps of the parser, so that the same text is treated alike on a fast and on a busy machine. Seconds
of the thread's processor time are the second limit, for work whose steps are long.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from providers.process import context, disconnects

TEXT_STEPS = 300_000  # of one text; an ordinary answer of 100,000 characters takes some 50,000
PAGE_STEPS = 3 * TEXT_STEPS  # of all texts of one page
TEXT_SECONDS = 2.0
EVERY = 500  # steps between two looks at the clock
CHARACTERS_PER_STEP = 16  # of text that is only read or copied


class BudgetExceeded(Exception):
    """A text exceeds its budget, or its client has disconnected."""


class StepBudget:
    """The steps and the processor seconds that are left. `spent` counts the steps."""

    def __init__(self, steps: int = TEXT_STEPS, seconds: float = TEXT_SECONDS) -> None:
        self.steps, self.spent = steps, 0
        self._next_check = EVERY
        self._end = time.thread_time() + seconds

    def spend(self, steps: int = 1) -> None:
        """Raises BudgetExceeded."""
        self.spent += steps
        if self.spent > self.steps:
            raise BudgetExceeded("steps")
        if self.spent >= self._next_check:
            self._next_check = self.spent + EVERY
            self.check()

    def check(self) -> None:
        """Raises BudgetExceeded when the time is over or the client has left."""
        if time.thread_time() > self._end:
            raise BudgetExceeded("seconds")
        if disconnects.client_has_left():
            raise BudgetExceeded("client has left")


class _Page:
    """The steps that the texts of one page have left."""

    def __init__(self) -> None:
        self.left = PAGE_STEPS


_page: ContextVar[_Page | None] = ContextVar("page", default=None)


@contextmanager
def one_page() -> Iterator[None]:
    """All renderings inside share the steps of a page."""
    with context.assigned(_page, _Page()):
        yield


@contextmanager
def one_text() -> Iterator[StepBudget]:
    """The budget of one text, within that of its page. Raises BudgetExceeded where the client has left."""
    page = _page.get()
    budget = StepBudget(min(TEXT_STEPS, page.left) if page else TEXT_STEPS)
    budget.check()
    try:
        yield budget
    finally:
        if page:
            page.left -= min(budget.spent, page.left)
