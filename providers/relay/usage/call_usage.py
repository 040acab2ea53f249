"""The usage of one call, as it waits to be written."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

CLIENT_LEFT = 499  # nginx's status for a client that disconnected before the end of the response
MAX_TOKENS = 2**31 - 1  # of a column


@dataclass(slots=True)
class CallUsage:
    """The usage of one call. The fields are the columns of `UsageRecord`, but for `reported` and `group_names`."""

    kind: str  # the name of an operation, image, task
    user_id: int | None = None
    key_id: int | None = None
    connection_id: int | None = None
    model: str = ""  # public id
    tokens_in: int = 0
    tokens_out: int = 0
    images: int = 0
    audio_bytes: int = 0
    status: int = 0
    first_byte_ms: int | None = None
    duration_ms: int = 0
    when: float = field(default_factory=time.time)  # seconds since the epoch

    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_tokens_in: int = 0
    audio_tokens_out: int = 0
    picture_tokens_in: int = 0
    picture_tokens_out: int = 0
    seconds: Decimal = Decimal(0)  # of audio that was written down
    characters: int = 0  # that were read aloud
    picture_size: str = ""  # "1024x1024"
    picture_quality: str = ""
    cost: Decimal | None = None  # US dollars; None where no price is known

    request_id: str = ""
    provider_request_id: str = ""
    upstream_id: str = ""
    config_version: int | None = None
    tried: list[dict[str, Any]] = field(default_factory=list)  # the sources that were passed over, with the reason
    rewrites: Sequence[str] = ()  # the rules that changed the body
    error_code: str = ""
    error_message: str = ""

    reported: bytes = b""  # the provider's usage object and perhaps more; the writer's thread reads it
    group_names: tuple[str, ...] = ()  # of the person
