"""Usage records: what a response reports is counted, and one row for each call is written behind."""

from providers.relay.usage.call_usage import CLIENT_LEFT, MAX_TOKENS, CallUsage
from providers.relay.usage.counting import (
    count_audio,
    count_characters,
    count_messages,
    count_reranking,
    count_tokens,
    count_transcript,
    read_tokens,
)
from providers.relay.usage.failures import failed, failure
from providers.relay.usage.reported import MAX_COST
from providers.relay.usage.reported import read as read_reported
from providers.relay.usage.tail import MAX_UNPACKED_AT_ONCE, TAIL_BYTES, PackedTail, Tail
from providers.relay.usage.writer import UsageWriter, flush, record, written

__all__ = [
    "CLIENT_LEFT",
    "MAX_COST",
    "MAX_TOKENS",
    "MAX_UNPACKED_AT_ONCE",
    "TAIL_BYTES",
    "CallUsage",
    "PackedTail",
    "Tail",
    "UsageWriter",
    "count_audio",
    "count_characters",
    "count_messages",
    "count_reranking",
    "count_tokens",
    "count_transcript",
    "failed",
    "failure",
    "flush",
    "read_reported",
    "read_tokens",
    "record",
    "written",
]
