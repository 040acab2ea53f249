"""Serving: one listening socket, one server in this process, or several processes that share it."""

from webui.serving.servers import SERVERS, CannotServe, check, load, run

__all__ = ["SERVERS", "CannotServe", "check", "load", "run"]
