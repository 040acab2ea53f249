"""Long work with a person's data, in the background: imports, exports, deletions.

table.py   which works there are: dotted paths in the settings
base.py    what a work gets: its row, a way to report progress, and the end that a person or the process asks for
worker.py  the threads of each process that run works, also those of processes that died
rows.py    the verbs: queue, cancel, remove, and the JSON of a row
views.py   what the API of imports and that of exports have in common
"""

from chat.transfers.base import TransferCancelled, Work
from chat.transfers.rows import add, cancel, own, purge, queue, remove, shape

__all__ = [
    "TransferCancelled",
    "Work",
    "add",
    "cancel",
    "own",
    "purge",
    "queue",
    "remove",
    "shape",
]
