"""The lines that the console shows when the site is up."""

import socket
from typing import TextIO

from django.conf import settings
from django.core.management.base import OutputWrapper

from webui import address
from webui.accounts import links, setup
from webui.branding import current


def site_address(sock: socket.socket) -> str:
    """The address a person on this machine can open."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  (compared, not bound)
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def print_banner(out: TextIO | OutputWrapper, sock: socket.socket, server: str, workers: int) -> None:
    served = site_address(sock)
    links.remember_served(served)
    processes = f", {workers} processes" if workers > 1 else ""
    out.write(f"\n{current.site().name} answers at {served} ({server}{processes}). Ctrl-C stops it.\n")
    if address.is_uncertain():
        out.write("SITE_URL is not set, and the site answers to more than one name. Set it: links in mails\n")
        out.write("begin with the address that an administrator used last.\n")
    if not setup.administrator_exists():
        link = f"{settings.SITE_URL or served}{setup.new_link()}"
        out.write("\nThere is no administrator yet. Set the site up here (this link works once, for 24 hours):\n")
        out.write(f"  {link}\n")
    out.flush()
