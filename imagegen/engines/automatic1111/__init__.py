"""AUTOMATIC1111 and its forks (Forge, reForge …) over `/sdapi/v1`.

The server draws one picture at a time for everybody, and its progress and its interrupt are global. So every call
carries a task id that nobody can guess. Previews are shown, and the server is interrupted, only while it says that this
task is the one that runs. A server without its web UI has no tasks: it is interrupted only if an administrator has said
that nobody else uses it.
"""

from imagegen.engines.automatic1111.engine import Automatic1111

__all__ = ["Automatic1111"]
