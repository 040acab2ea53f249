"""The yardstick: a pass-through with the site's client on the site's server. No key, no model, no limits.

`python -m benchmarks.bare SERVER PORT UPSTREAM_URL`
"""

import os
import sys
from typing import Any

import aiohttp

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webui.settings")


class Bare:
    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(scope["type"])
        if scope["method"] == "GET":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if self.session is None:
            self.session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_read=300),
            )
        headers = {"Content-Type": "application/json", "Authorization": "Bearer upstream-key"}
        async with self.session.post(self.upstream, data=body, headers=headers) as answer:
            kept = [
                (name.lower(), value)
                for name, value in answer.raw_headers
                if name.lower() in (b"content-type", b"content-length", b"openai-seen")
            ]
            await send({"type": "http.response.start", "status": answer.status, "headers": kept})
            async for chunk in answer.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def main() -> None:
    server, port, upstream = sys.argv[1:]
    import django

    django.setup()

    from webui import serving
    from webui.serving.listening_socket import listen

    serving.run(server, Bare(upstream), listen("127.0.0.1", int(port)))


if __name__ == "__main__":
    main()
