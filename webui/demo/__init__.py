"""The demo: a server whose model sends prepared answers, so that a chat works before any key is entered.

Every answer says that it is a demo.
"""

from webui.demo.local_server import register

__all__ = ["register"]
