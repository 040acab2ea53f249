"""Logs of a failing provider: one line a minute for each cause, and no traceback."""

import re
from contextlib import suppress

import pytest
import requests

from tests.upstream import DROP, RESET, Reply, frame, in_html, in_json, no_http, redirect, reset
from tests.upstream.openai import EVENTS
from tests.webui.serving.test_outages import BODY, EMAIL, PATIENCE, SERVERS, environment, signed_in  # noqa: F401

JSON = {"Content-Type": "application/json"}
BEGUN = frame({"choices": [{"delta": {"content": "a"}}]})
FAULTS = {
    "JSON that breaks off": Reply(200, JSON, steps=[b'{"id": "' + b"x" * 5000, DROP]),
    "JSON with a reset": Reply(200, JSON, steps=[b'{"id": "' + b"x" * 5000, RESET]),
    "less than its length": Reply(200, {**JSON, "Content-Length": "9000"}, steps=[b"x" * 5000, DROP]),
    "a frame that breaks off": Reply(200, EVENTS, steps=[BEGUN, b"data: {", DROP]),
    "a stream that breaks off": Reply(200, EVENTS, steps=[BEGUN, RESET]),
    "a reset": reset(),
    "something else": no_http(),
    "a page": in_html(502),
    "no JSON": in_json("hello"),
    "a redirect": redirect("https://new.example/"),
}


@pytest.mark.parametrize("server", SERVERS)
def test_what_a_provider_does_is_a_line_and_no_traceback(server_process, environment, upstream, server):  # noqa: F811
    site = server_process(server=server, env=environment).start()
    browser = signed_in(site)
    browser.headers["X-CSRFToken"] = browser.cookies["csrftoken"]
    key = {"Authorization": f"Bearer {site.create_api_key(EMAIL)}"}
    for _ in range(3):
        for fault in FAULTS.values():
            upstream.always(fault, path="/chat/completions")
            for call in (requests.post, browser.post):
                for path in ("/v1/chat/completions", "/api/chat/completions"):
                    for stream in (False, True):
                        with suppress(requests.RequestException):  # broken off
                            call(f"{site.url}{path}", json={**BODY, "stream": stream}, headers=key, timeout=PATIENCE)
    log = site.log()
    assert "Traceback" not in log
    warnings = [re.sub(r"^.*?(?=WARNING|ERROR)", "", line) for line in log.splitlines()]
    warnings = [line for line in warnings if line.startswith(("WARNING", "ERROR"))]
    assert len(warnings) < 40, log
