"""A server with an OpenAPI description, for tool servers: it adds, keeps notes, and says what it was asked.

desk = Desk().start()
desk.url            # of the description
desk.asked          # (method, path with query, headers, body)
desk.description    # may be changed
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DESCRIPTION: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Desk", "version": "1"},
    "servers": [{"url": "/api"}],
    "paths": {
        "/add/{a}": {
            "parameters": [{"$ref": "#/components/parameters/a"}],
            "get": {
                "operationId": "add",
                "summary": "Adds two numbers",
                "parameters": [
                    {"name": "b", "in": "query", "required": True, "schema": {"type": "integer"}},
                    {"name": "X-Mood", "in": "header", "schema": {"type": "string"}},
                    {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
                ],
            },
        },
        "/notes": {
            "post": {
                "operationId": "keep_note",
                "description": "Keeps a note",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}}},
                },
            }
        },
        "/hang": {"get": {"operationId": "hang", "summary": "Never answers"}},
        "/fail": {"get": {"summary": "Always fails"}},
    },
    "components": {
        "parameters": {"a": {"name": "a", "in": "path", "required": True, "schema": {"type": "string"}}},
        "schemas": {
            "Note": {
                "type": "object",
                "properties": {"text": {"type": "string"}, "before": {"$ref": "#/components/schemas/Note"}},
            }
        },
    },
}


class Desk:
    def __init__(self) -> None:
        self.description = json.loads(json.dumps(DESCRIPTION))
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.ending = threading.Event()
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                desk.asked.append((self.command, self.path, dict(self.headers), body))
                status, value = desk.respond(self.command, self.path, body)
                content = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{self.origin}/openapi.json"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def respond(self, method: str, path: str, body: str) -> tuple[int, Any]:
        if path == "/openapi.json":
            return 200, self.description
        if path.startswith("/api/add/"):
            return 200, {"path": path}
        if path == "/api/notes":
            return 201, {"kept": json.loads(body)}
        if path == "/api/hang":
            self.ending.wait(20)
        return 418, {"error": "no paper left"}

    def start(self) -> "Desk":
        self._thread.start()
        while not self._thread.is_alive():
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
