"""The table of picture engines, and how to add one.

1. Write `engines/<name>.py` with a subclass of `Engine` whose `name` is the file's. Copy the one nearest to your
   upstream: `openai.py` for one slow call, `gemini.py` for repeated calls, `comfyui/` for a queue with a socket.
2. Add it to the table below, its models to `models.json` (only facts with a source and a date), and `test_<name>.py`
   beside the others; `tests/imagegen/engines/test_table.py` checks the rest over this table. It needs no migration and
   no other change.
3. Script the upstream's protocol, faults included, in `tests/upstream/`: tests speak to it over real sockets.

Send what the provider's API can express and let the provider refuse it: its rules change, ours need not follow.
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
