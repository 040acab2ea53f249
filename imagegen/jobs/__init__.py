"""Picture jobs: written first, run by a thread of the process that took the wish, picked up by another when that one
dies.

- `dispatcher.submit(job)` gives a written job to this process; a free place (per engine, per address where the upstream
  draws one at a time, per person) starts it in a thread of its own (`worker`).
- While a job is open, its process writes `heartbeat` every two seconds. A job whose heartbeat stands still belongs to
  a process that is gone: any process takes it over; work that the engine can resume goes on, other running work fails
  with a reason and can be retried, and what only waited starts anew.
- Whoever wants to see a job move listens to its `JobFeed` (same process), to the socket's `image:job` events, or reads
  the row.
"""

from imagegen.jobs.dispatcher import cancel, feed_of, shutdown, start, submit
from imagegen.jobs.ending import ended, wait_for
from imagegen.jobs.feed import JobFeed

__all__ = ["JobFeed", "cancel", "ended", "feed_of", "shutdown", "start", "submit", "wait_for"]
