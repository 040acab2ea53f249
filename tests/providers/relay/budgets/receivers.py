"""A mail server and a webhook on sockets of this machine: they keep what they get."""

import json
import socketserver
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Serving:
    """Mixin of servers: they serve as long as their context is open."""

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_error):
        self.shutdown()
        self.server_close()

    @property
    def port(self):
        return self.server_address[1]


class MailServer(_Serving, socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Mail)
        self.messages = []


class _Mail(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as a client needs to hand in a message."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line)
                self.server.messages.append(message_from_bytes(b"".join(lines), policy=policy.default))
            self.wfile.write(b"250 ok\r\n")


class Webhook(_Serving, ThreadingHTTPServer):
    """`status` is its answer; while `gate` is not set, it gives none."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Posts)
        self.bodies, self.status, self.gate = [], 204, threading.Event()
        self.gate.set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/warn"


class _Posts(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.gate.wait(60)
        try:
            self.send_response(self.server.status)
            if self.server.status in (301, 302, 307):
                self.send_header("Location", f"http://127.0.0.1:{self.server.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
        except OSError:
            pass  # whoever asked has left

    def log_message(self, *_words):
        pass
