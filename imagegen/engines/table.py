"""The table of picture engines."""

from imagegen.engines.automatic1111 import Automatic1111
from imagegen.engines.base import Engine
from imagegen.engines.chatreply import ChatReply
from imagegen.engines.comfyui import ComfyUI
from imagegen.engines.gemini import Gemini
from imagegen.engines.openai import OpenAI
from imagegen.engines.placeholder import Placeholder

_ALL = (OpenAI(), Gemini(), ChatReply(), Automatic1111(), ComfyUI(), Placeholder())

DEMO = next(engine.name for engine in _ALL if engine.demo)
GUESSED = next(engine for engine in _ALL if engine.is_guessed)
UNNAMED = next(engine.name for engine in _ALL if engine.is_unnamed)
ENGINES: dict[str, Engine] = {engine.name: engine for engine in _ALL}
