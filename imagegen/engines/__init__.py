"""The table of picture engines, and how to add one.

1. Write `engines/<name>.py` with a subclass of `Engine` whose `name` is the file's. Copy the one nearest to your
   upstream: `openai.py` for one slow call, `gemini.py` for repeated calls, `comfyui.py` for a queue with a socket.
2. Put it below, its models into `models.json` (only facts with a source and a date), and `test_<name>.py` beside the
   others; `tests/imagegen/engines/test_table.py` checks the rest over this table. No migration, no other change.
3. The upstream's protocol, faults included, belongs into `tests/upstream/`: tests speak to it over real sockets.

If a wish can be said accurately in the provider's API, say it and let them refuse: their rules change, ours should not.
"""

from imagegen.engines.automatic1111 import Automatic1111
from imagegen.engines.base import Engine
from imagegen.engines.chatreply import ChatReply
from imagegen.engines.comfyui import ComfyUI
from imagegen.engines.gemini import Gemini
from imagegen.engines.openai import OpenAI
from imagegen.engines.placeholder import Placeholder

_ALL = (OpenAI(), Gemini(), ChatReply(), Automatic1111(), ComfyUI(), Placeholder())

ENGINES: dict[str, Engine] = {engine.name: engine for engine in _ALL}

__all__ = ["ENGINES"]
