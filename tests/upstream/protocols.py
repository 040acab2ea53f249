"""The table of protocols of the scripted server. The first that knows a path responds."""

from collections.abc import Callable

from tests.upstream.anthropic import Anthropic
from tests.upstream.automatic1111 import Automatic1111
from tests.upstream.comfyui import ComfyUI
from tests.upstream.core import Protocol, Upstream
from tests.upstream.gemini import Gemini
from tests.upstream.ollama import Ollama
from tests.upstream.openai import OpenAI
from tests.upstream.openid import OpenId
from tests.upstream.pipelines import Pipelines
from tests.upstream.search import Search

PROTOCOLS: dict[str, Callable[[Upstream], Protocol]] = {
    "automatic1111": Automatic1111,
    "gemini": Gemini,
    "comfyui": ComfyUI,
    "search": Search,
    "openid": OpenId,
    "ollama": Ollama,
    "pipelines": Pipelines,
    "anthropic": Anthropic,
    "openai": OpenAI,
}
