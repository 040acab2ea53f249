"""Imports and exports over the API, to their end."""

import time
from typing import Any

import requests

PATIENCE = 30.0


def look_through(site: Any, headers: dict[str, str], content: bytes, name: str) -> dict[str, Any]:
    """Upload a file for an import; its JSON once it was looked through."""
    files = {"file": (name, content)}
    answer = requests.post(f"{site.url}/api/v1/imports/", headers=headers, files=files, timeout=20)
    assert answer.status_code == 202, answer.text
    return ended(site, headers, f"imports/{answer.json()['id']}")


def ended(site: Any, headers: dict[str, str], path: str) -> dict[str, Any]:
    """The JSON of a transfer, once it neither waits nor runs."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        answer = requests.get(f"{site.url}/api/v1/{path}", headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        if found["state"] not in ("queued", "running"):
            return found
        time.sleep(0.02)
    raise AssertionError(found)
