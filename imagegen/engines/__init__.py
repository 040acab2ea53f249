"""The picture engines, and how to add one.

1. Write `engines/<name>.py` with a subclass of `Engine` whose `name` is the file's. Copy the one nearest to your
   upstream: `openai.py` for one slow call, `gemini.py` for repeated calls, `comfyui/` for a queue with a socket.
2. Add it to `table.py`, its models to `models.json` (only facts with a source and a date), and `test_<name>.py`
   beside the others; `tests/imagegen/engines/test_table.py` checks the rest over this table. It needs no migration and
   no other change.
3. Script the upstream's protocol, faults included, in `tests/upstream/`: tests speak to it over real sockets.

Send what the provider's API can express and let the provider refuse it: its rules change, ours need not follow.
"""

from imagegen.engines.table import DEMO, ENGINES, GUESSED, UNNAMED

__all__ = ["DEMO", "ENGINES", "GUESSED", "UNNAMED"]
