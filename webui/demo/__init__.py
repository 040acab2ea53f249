"""The demo: a server whose model sends prepared answers, so that a chat works before any key is entered."""

from webui.demo.local_server import register

__all__ = ["register"]
