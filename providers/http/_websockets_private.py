"""A private fact of websockets: how long a line of a response's head may be.

`tests/structure/test_private_names.py` fails when an upgrade moves the name.
"""

from websockets import http11

from providers.http.policy import LONGEST_LINE


def allow_long_lines() -> None:
    """The library reads this name for each line; it set it from the environment when it was imported."""
    http11.MAX_LINE_LENGTH = LONGEST_LINE  # type: ignore[misc]
