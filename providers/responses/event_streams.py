"""Server-sent events in responses of this site. `providers.upstream.sse` reads those of providers."""

from collections.abc import AsyncIterator

from django.http import StreamingHttpResponse

TYPE = "text/event-stream"
# Keep proxies in front of us from buffering; nginx reads the second header, see
# https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
UNBUFFERED = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))


def is_event_stream(content_type: str) -> bool:
    """Whether this content type is that of an event stream; parameters and case do not matter."""
    return content_type.lower().startswith(TYPE)


def response(pieces: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """A streaming response of encoded events."""
    return StreamingHttpResponse(pieces, content_type=TYPE, headers=dict(UNBUFFERED))
