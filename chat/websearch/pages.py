"""The pages behind results: fetched from the public internet alone, and turned into text by a worker.

Whatever cannot be read in time, is no text, or leads into a private network is left out.
"""

import asyncio
from collections.abc import Sequence
from urllib.parse import urljoin

from chat.decoding import pool
from chat.decoding.refusals import NotDecoded
from chat.websearch.endpoint import safe_url
from providers import http, json_bodies
from providers.errors import GatewayError
from providers.http import Reach
from providers.process import waiting

MAX_BYTES = 3 * 2**20  # of one page
SECONDS = 10.0  # for all pages, from the first request to the last text
LIMITS = http.Limits(connect=4, first_byte=6, idle=4, total=8, max_bytes=MAX_BYTES)
MAX_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
HEADERS = {"Accept": "text/html,text/plain;q=0.8", "User-Agent": "Mozilla/5.0 (compatible; webui)"}
HTML_TYPES = ("text/html", "application/xhtml+xml")


async def read(urls: Sequence[str], characters: int) -> dict[str, str]:
    """The texts of the pages that can be read, by address; all together have at most so many characters."""
    tasks = [asyncio.ensure_future(_text(url, characters)) for url in urls]
    try:
        await asyncio.wait(tasks, timeout=SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    texts = {url: text for url, text in zip(urls, outcomes, strict=True) if isinstance(text, str) and text}
    left, shares = characters, dict[str, str]()
    for index, (url, text) in enumerate(sorted(texts.items(), key=lambda item: len(item[1]))):
        shares[url] = text[: left // (len(texts) - index)]
        left -= len(shares[url])
    return shares


async def _text(url: str, characters: int) -> str:
    try:
        content_type, content = await _fetched(url)
        if content_type in HTML_TYPES:
            made = await waiting.in_own_thread(pool.run, "html", content, characters=characters)
            text = made.content.decode(errors="replace")
        elif content_type == "text/plain":
            text = content.decode(errors="replace")
        else:
            return ""
    except (GatewayError, NotDecoded):
        return ""
    # Angle brackets could end the context in which the text stands.
    return str(json_bodies.storable(text)).replace("<", "‹").replace(">", "›").strip()[:characters]


async def _fetched(url: str) -> tuple[str, bytes]:
    """Content type and bytes; of a page that leads elsewhere, those of the other one."""
    for _step in range(MAX_REDIRECTS + 1):
        options = {"limits": LIMITS, "reach": Reach.PUBLIC, "unpacked": True, "redirects": True}
        async with http.stream("GET", url, headers=HEADERS, **options) as answer:  # type: ignore[arg-type]
            headers = {name.lower(): value for name, value in answer.headers}
            if answer.status == 200:
                content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
                is_text = content_type.startswith("text/") or content_type in HTML_TYPES
                return (content_type, await answer.read(MAX_BYTES)) if is_text else ("", b"")
            url = safe_url(urljoin(url, headers.get("location", ""))) if answer.status in REDIRECTS else ""
        if not url:
            break
    return "", b""
