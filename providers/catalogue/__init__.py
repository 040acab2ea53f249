"""The catalogue: discovery of models, health of connections, and the snapshot of the configuration."""

from providers.catalogue.snapshots import (
    forget,
    known_version,
    note_failure,
    note_rate_limit,
    note_refusal,
    note_success,
    snapshot,
    snapshot_blocking,
)

__all__ = [
    "forget",
    "known_version",
    "note_failure",
    "note_rate_limit",
    "note_refusal",
    "note_success",
    "snapshot",
    "snapshot_blocking",
]
