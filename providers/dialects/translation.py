"""What a translation between two forms consists of, and what its functions are told. Values alone, no I/O."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from providers.dialects.dialect import Dialect

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AskedModel:
    """The model that is asked: its id at the connection, and the provider's own object that describes it."""

    upstream_id: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    reasons: bool = False  # takes `reasoning_effort`


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A request as the client sent it, for the translation of its answer."""

    body: Mapping[str, Any] = field(repr=False)
    model: str  # the public id, which is the client's name for it
    created: int  # seconds since the epoch


class Stream(Protocol):
    """Translates the frames of one stream, in their order. Memory is bounded.

    Both functions raise ProviderError: for an error in the stream, for frames that cannot be translated, and `end` for
    a stream that was cut off.
    """

    def take(self, event: str, data: str) -> Iterable[bytes]:
        """The client's frames for one of the provider's; `event` is "" where it has no name."""

    def end(self) -> Iterable[bytes]:
        """The frames that the end of the stream completes."""


@dataclass(frozen=True, slots=True)
class Translation:
    """One form over another."""

    dialect: Dialect  # the one that the connection speaks
    request: Callable[[Body, AskedModel], Body]  # raises BadRequest for what cannot be said
    answer: Callable[[Any, ClientRequest], Body]  # of one JSON value; raises ProviderError where it is no answer
    stream: Callable[[ClientRequest], Stream]
