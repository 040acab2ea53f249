"""OpenTelemetry spans, where `OTEL_EXPORTER_OTLP_ENDPOINT` is set and the extra `otel` is installed.

server → reply of a chat, its pipeline → relay → upstream. Providers get the trace as `traceparent`, and a trace that a
client sends goes on. Nothing of this is imported or in the way of a call while it is off: `begin` puts the traced
forms of a few functions in the place of the plain ones, once, before the site serves.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from chat import loop, pipeline
from chat.runs.reply import RunningReply
from providers import http, runtime
from providers.http import blocking
from providers.process import request_ids
from providers.relay import calls
from webui.version import VERSION

try:
    from opentelemetry import context, propagate, trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
    from opentelemetry.trace import Span, SpanKind, StatusCode
except ImportError as error:
    raise ImproperlyConfigured(
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: pip install 'webui[otel]'."
    ) from error

SEND_SECONDS = 3.0  # a collector that is away holds the end of the process up no longer
FAULT = 500  # a span of a request with this status and above is an error


class Tracing:
    """The spans of this process. The end of the process sends what is left."""

    def __init__(self) -> None:
        self.provider: Any = None
        self.tracer: Any = trace.NoOpTracer()

    def start(self, exporter: SpanExporter) -> None:
        resource = Resource.create({"service.name": "webui", "service.version": VERSION})  # OTEL_SERVICE_NAME wins
        self.provider = TracerProvider(resource=resource)
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer = self.provider.get_tracer("webui")

    def span(self, name: str, kind: SpanKind = SpanKind.INTERNAL, **options: Any) -> Span:
        span: Span = self.tracer.start_span(name, kind=kind, **options)
        return span

    def close(self) -> None:
        if self.provider is not None:
            self.provider.shutdown()


def begin(exporter: SpanExporter | None = None) -> None:
    """Trace this process from now on; by default the spans go where the variables `OTEL_…` say."""
    runtime.state(Tracing).start(exporter or OTLPSpanExporter(timeout=SEND_SECONDS))
    http.stream = TracedStream  # type: ignore[misc]
    blocking.stream_blocking = http.stream_blocking = _traced_blocking(blocking.stream_blocking)  # type: ignore[assignment]
    calls.begin = _traced("relay", calls.begin, _of_call)  # type: ignore[assignment]
    loop.spawn = _traced_spawn(loop.spawn)
    pipeline.run = _traced("pipeline", pipeline.run)  # type: ignore[assignment]
    RunningReply.run = _traced("reply", RunningReply.run)  # type: ignore[method-assign]


class TracedRequests:
    """An ASGI layer: a span for each HTTP request, from its first byte to the last of its answer."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        attributes = {"http.request.method": scope["method"], "url.path": scope["path"]}
        span = runtime.state(Tracing).span(
            scope["method"], SpanKind.SERVER, context=propagate.extract(sent), attributes=attributes
        )

        async def note(message: Any) -> None:
            if message["type"] == "http.response.start":
                _note_status(span, message["status"], FAULT)
            await send(message)

        with _current(span):
            try:
                await self.inner(scope, receive, note)
            finally:
                span.set_attribute("webui.request_id", request_ids.current.get())


class TracedStream(http.stream):
    """`http.stream` with a span, from the request until the response is closed."""

    __slots__ = ("_span",)

    def __init__(self, method: str, url: str, *, headers: Mapping[str, str], **options: Any) -> None:
        self._span = _upstream(method, url)
        super().__init__(method, url, headers=_with_trace(headers, self._span), **options)

    async def __aenter__(self) -> Any:
        try:
            response = await super().__aenter__()
        except BaseException as error:
            _fail(self._span, error)
            self._end()
            raise
        _note_status(self._span, response.status, 400)
        return response

    async def __aexit__(self, *error: object) -> None:
        try:
            await super().__aexit__(*error)
        finally:
            self._end()

    def _end(self) -> None:
        if self._span.is_recording():  # whoever opens by hand closes after a failure too
            self._span.end()


def _traced_blocking(plain: Any) -> Any:
    @contextmanager
    def stream_blocking(method: str, url: str, **options: Any) -> Iterator[Any]:
        span = _upstream(method, url)
        options["headers"] = _with_trace(options.get("headers") or {}, span)
        with _current(span), plain(method, url, **options) as response:
            _note_status(span, response.status, 400)
            yield response

    return stream_blocking


def _traced(
    name: str, plain: Callable[..., Awaitable[Any]], attributes: Callable[..., dict[str, Any]] | None = None
) -> Any:
    """A coroutine function that does the same within a span."""

    async def traced(*args: Any, **options: Any) -> Any:
        span = runtime.state(Tracing).span(name, attributes=attributes(*args) if attributes else None)
        with _current(span):
            return await plain(*args, **options)

    return traced


def _traced_spawn(plain: Callable[..., None]) -> Callable[..., None]:
    """`chat.loop.spawn`, whose tasks begin without context variables: they stay in the trace of whoever starts them."""

    def spawn(work: Callable[[], Awaitable[None]], **options: Any) -> None:
        within = context.get_current()

        async def traced() -> None:
            token = context.attach(within)
            try:
                await work()
            finally:
                context.detach(token)

        plain(traced, **options)

    return spawn


def _of_call(request: Any) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": request.operation,
        "gen_ai.request.model": str(request.payload.get("model") or "")[:255],
        "webui.request_id": request_ids.current.get(),
    }


def _upstream(method: str, url: str) -> Span:
    """A span of a request to another server. Of the address only the server is told: paths and queries hold secrets."""
    parts = urlsplit(url)
    attributes = {"http.request.method": method, "server.address": parts.hostname or ""}
    return runtime.state(Tracing).span(f"upstream {method}", SpanKind.CLIENT, attributes=attributes)


def _with_trace(headers: Mapping[str, str], span: Span) -> dict[str, str]:
    """The headers with `traceparent` (W3C Trace Context) in the place of one that the client sent."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier, trace.set_span_in_context(span))
    return {**{name: value for name, value in headers.items() if name.lower() not in carrier}, **carrier}


@contextmanager
def _current(span: Span) -> Iterator[None]:
    """The span is that of whatever runs inside, and ends with it."""
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield
    except BaseException as error:
        _fail(span, error)
        raise
    finally:
        context.detach(token)
        span.end()


def _note_status(span: Span, status: int, bad: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= bad:
        span.set_status(StatusCode.ERROR)


def _fail(span: Span, error: BaseException) -> None:
    """The kind of an error, without its words: they may hold what people wrote."""
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(StatusCode.ERROR)
