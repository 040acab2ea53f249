"""Server-sent events as this site answers with them. How those of providers are read: `providers.upstream.sse`."""

from collections.abc import AsyncIterator

from django.http import StreamingHttpResponse

TYPE = "text/event-stream"
# Proxies in front of us hold back nothing: nginx reads the second, see
# https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
UNBUFFERED = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))


def is_one(content_type: str) -> bool:
    """Whether a body of this type is an event stream; parameters and case do not matter."""
    return content_type.lower().startswith(TYPE)


def response(pieces: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """An answer of events that are ready to be sent."""
    return StreamingHttpResponse(pieces, content_type=TYPE, headers=dict(UNBUFFERED))
