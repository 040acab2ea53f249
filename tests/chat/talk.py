"""A client of the site for tests: JSON over HTTP, events over the WebSocket."""

import json
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 15.0

Event = dict[str, Any]


class Talker:
    """A signed-in person, or a client with a key, that calls `/api/v1`. Every method returns the JSON of a success."""

    def __init__(self, site: Any, user: Any = None, *, key: str = "") -> None:
        self.site, self.user = site, user
        self.session = site.session(user, key=key)

    def send(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        answer = self.session.request(method, f"{self.site.url}{path}", json=body, timeout=PATIENCE)
        if status is None:
            assert answer.ok, f"{answer.status_code}: {answer.text}"
        else:
            assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
        return answer.json() if answer.content and "json" in answer.headers["Content-Type"] else answer.text

    def start(self, content: str = "What colour is the sky?", **more: Any) -> Any:
        return self.send("POST", "/api/v1/chats/", {"content": content, "model": "m1", **more}, status=201)

    def say(self, chat_id: str, content: str, **more: Any) -> Any:
        return self.send("POST", f"/api/v1/chats/{chat_id}/messages", {"content": content, **more}, status=202)

    def chat(self, chat_id: str) -> Any:
        return self.send("GET", f"/api/v1/chats/{chat_id}")

    def message(self, chat_id: str, message_id: str) -> Any:
        return self.send("GET", f"/api/v1/chats/{chat_id}/messages/{message_id}")

    def until_over(self, chat_id: str, message_id: str) -> Any:
        """The message once its reply has ended, asked for again and again: for tests without a socket."""
        end = time.monotonic() + PATIENCE
        while (message := self.message(chat_id, message_id))["status"] in ("pending", "streaming"):
            assert time.monotonic() < end, f"still {message['status']}"
            time.sleep(0.02)
        return message

    def listen(self) -> "Listener":
        return Listener(self.site.socket(self.user))


class Listener:
    """One tab's socket. `heard` are all events so far."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.heard: list[Event] = []
        self.send({"type": "ping"})  # the answer says that we are in the group
        self.wait_for(lambda event: event["data"]["type"] == "pong")

    def send(self, message: Any) -> None:
        self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def next(self, timeout: float = PATIENCE) -> Event:
        event: Event = json.loads(self.socket.recv(timeout))
        self.heard.append(event)
        return event

    def wait_for(self, wanted: Callable[[Event], object], timeout: float = PATIENCE) -> Event:
        """The first event that is wanted, from now on."""
        while True:
            event = self.next(timeout)
            if wanted(event):
                return event

    def until_done(self, message_id: str) -> Event:
        """Collect all events up to the end of a reply. Returns the last event's data."""
        return self.wait_for(lambda event: event["message_id"] == message_id and is_done(event))["data"]["data"]

    def of(self, message_id: str) -> list[Event]:
        return [event for event in self.heard if event["message_id"] == message_id]

    def text_of(self, message_id: str) -> str:
        """The answer as a page would show it: each snapshot anew, then the pieces behind it."""
        text, seq = "", 0
        for event in self.of(message_id):
            kind, data = event["data"]["type"], event["data"]["data"]
            if kind == "snapshot":
                text, seq = data["content"], event["seq"]
            elif event["seq"] > seq:
                seq = event["seq"]
                text += data.get("content", "") if kind in ("chat:completion", "message") else ""
        return text

    def close(self) -> None:
        self.socket.close()


def is_done(event: Event) -> bool:
    return event["data"]["type"] in ("chat:completion", "snapshot") and bool(event["data"]["data"]["done"])
