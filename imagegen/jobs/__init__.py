"""Picture jobs: a row first, then a thread of the process that took the request; another process takes over if it dies.

- `dispatcher.submit(job)` gives the job of a written row to this process. It starts in a thread of its own (`worker`)
  when its engine (or its address, where the upstream draws one picture at a time) and its person have room for it.
- While a job is open, its process writes `heartbeat` every two seconds. A job with a stale heartbeat belongs to a
  process that has died, and any process takes it over: work that the engine can resume goes on, other running work
  fails with a reason and can be retried, a queued job stays queued.
- The progress of a job comes from its `JobFeed` (in the same process), from `image:job` events on the socket, or from
  the row.
"""

from imagegen.jobs.dispatcher import cancel, feed_of, shutdown, start, submit
from imagegen.jobs.feed import JobFeed
from imagegen.jobs.results import event_file, show_for
from imagegen.jobs.wait import ended, wait_for

__all__ = ["JobFeed", "cancel", "ended", "event_file", "feed_of", "show_for", "shutdown", "start", "submit", "wait_for"]
