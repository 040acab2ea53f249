"""ComfyUI: a queue of graphs, an event socket, and files.

A request becomes a graph in the API format with its values filled in, queued as one prompt under an id of ours. The
socket reports progress; how it ended is read from `GET /history/{id}`, so a lost socket costs previews and nothing
else. Only our own prompts are stopped: a pending one by its id, a running one after a look at the queue, because old
servers interrupt whatever runs.
"""

from imagegen.engines.comfyui.engine import ComfyUI

__all__ = ["ComfyUI"]
