"""What the functions of the kinds read of a server: a connection, or an address that is none yet."""

from dataclasses import dataclass
from typing import Protocol


class Server(Protocol):
    """A connection as the table's functions read it. `base_url` has no trailing slash; `api_version` may be empty."""

    @property
    def kind(self) -> str: ...

    @property
    def base_url(self) -> str: ...

    @property
    def api_version(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PlainServer:
    """A `Server` that is no connection."""

    kind: str
    base_url: str
    api_version: str = ""
