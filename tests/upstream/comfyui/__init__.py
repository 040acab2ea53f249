"""ComfyUI's protocol: a queue of graphs, an event socket, files."""

from tests.upstream.comfyui.protocol import ComfyUI

__all__ = ["ComfyUI"]
