"""Which models there are and who offers them: discovery, health, and the snapshot that calls read."""

from providers.catalogue.snapshots import forget, note_failure, note_success, snapshot, snapshot_blocking

__all__ = [
    "forget",
    "note_failure",
    "note_success",
    "snapshot",
    "snapshot_blocking",
]
