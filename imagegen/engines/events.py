"""The events that an engine yields while it draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a run. `fraction` never falls, None is unknown; `queue` is the number of pictures before it."""

    step: int = 0
    total: int = 0
    fraction: float | None = None
    queue: int | None = None
    preview: bytes | None = field(default=None, repr=False)
    preview_type: str = ""


@dataclass(frozen=True, slots=True)
class Learned:
    """The upstream does not know this parameter; the engine's row stores it in `dropped`."""

    param: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the person: what differs from the request, and why."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """The tokens and cost that the provider reported for one call."""

    input_tokens: int = 0
    input_picture_tokens: int = 0  # the part of the input tokens that are of pictures
    output_tokens: int = 0
    output_text_tokens: int = 0  # the part of the output tokens that are text
    cost: float | None = None  # in US dollars, where the provider says it


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A finished picture. `content_type` is sniffed; `provenance` holds small facts for the file's row, never bytes."""

    content: bytes = field(repr=False)
    content_type: str = ""
    seed: int | None = None
    model: str = ""
    revised_prompt: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)


Event = Progress | Learned | Notice | TokenUsage | Picture
