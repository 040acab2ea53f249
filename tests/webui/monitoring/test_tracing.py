"""OpenTelemetry spans, sent to a collector on a socket."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tests.fixtures.process import ROOT
from tests.imagegen.drawing import eventually

PATIENCE = 30
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
MESSAGE = {"content": "Hello", "model": "m1"}
CHAT = {"model": "m1", "messages": [{"role": "user", "content": "Hello"}]}


class Collector(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Export)
        self.bodies = []

    def spans(self):
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        requests_ = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for one in requests_
            for resource in one.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Export(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words):
        pass


@pytest.fixture
def collector():
    pytest.importorskip("opentelemetry.sdk")
    with Collector() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def test_a_trace_goes_from_the_client_through_the_site_to_the_provider(server_process, upstream, collector):
    upstream.answer("Hi.")
    server = server_process(
        env={
            "WEBUI_DEMO": "false",
            "OPENAI_API_BASE_URLS": upstream.url,
            "WEBUI_ADMIN_EMAIL": "admin@example.com",
            "OTEL_BSP_SCHEDULE_DELAY": "200",  # milliseconds between exports
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_address[1]}",
        }
    ).start()
    headers = {
        "Authorization": f"Bearer {server.create_api_key('admin@example.com')}",
        "traceparent": f"00-{TRACE}-{CALLER}-01",
    }
    answer = requests.post(f"{server.v1}/chat/completions", json=CHAT, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    [call] = upstream.chats
    said = requests.post(f"{server.url}/api/v1/chats/", json=MESSAGE, headers=headers, timeout=PATIENCE)
    assert said.status_code == 201, said.text
    eventually(lambda: "reply" in [span.name for span in collector.spans()])
    assert server.stop() == 0

    spans = {span.span_id.hex(): span for span in collector.spans() if span.trace_id.hex() == TRACE}
    asked = spans[call.headers["traceparent"].split("-")[2]]
    relay = spans[asked.parent_span_id.hex()]
    request = spans[relay.parent_span_id.hex()]
    assert [asked.name, relay.name, request.name] == ["upstream POST", "relay", "POST"]
    assert request.parent_span_id.hex() == CALLER
    told = {attribute.key: attribute.value.string_value for attribute in relay.attributes}
    assert told["webui.request_id"] == answer.headers["x-request-id"]
    assert told["gen_ai.request.model"] == "m1"
    assert call.headers["traceparent"].startswith(f"00-{TRACE}-")
    [reply] = [span for span in spans.values() if span.name == "reply"]
    assert reply.span_id in [span.parent_span_id for span in spans.values() if span.name == "pipeline"]
    assert reply.span_id in [span.parent_span_id for span in spans.values() if span.name == "relay"]


def test_without_a_collector_nothing_of_it_is_loaded(tmp_path):
    script = (
        "import sys, webui.asgi; from providers import http; from providers.relay import calls;"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')],"
        " http.stream.__module__, calls.begin.__module__)"
    )
    env = {**{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}, "DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.split("\n")[0] == "[] providers.http.streaming providers.relay.calls"
