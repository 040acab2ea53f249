"""A scripted server on loopback that speaks every upstream's protocol. Tests call it over real sockets.

In a test, with the `upstream` fixture (fresh server, script and history each time)::

    upstream.answer("Blue.")                                # one chat answer; streamed when the request asks for it
    upstream.answer("one two three", after={1: gate})       # the stream stands behind the first piece …
    gate.wait(); …; gate.open()                             # … until the test lets it go on
    upstream.answer("one two three", after={2: RESET})      # TCP reset after two pieces; or DROP, END (a proper end)
    upstream.answer("x" * 5_000_000, frames=1)              # a frame of megabytes
    upstream.answer("a b", done=False, finish=None)         # no [DONE], no finish_reason
    upstream.answer("a b", after={1: openai.error_frame("overloaded")})
    upstream.answer(None, tool_calls=[{"name": "sum", "arguments": {"a": 1}}])
    upstream.answer("2", reasoning="1 + 1", images=[data_url], usage={"prompt_tokens": 7, "completion_tokens": 1})
    upstream.script(openai.error(429, "slow", code="rate_limit_exceeded", headers={"Retry-After": "7"}))
    upstream.script(in_html(502), in_text("garbage"), reset(), no_http())   # four requests, four ways to fail
    upstream.script(Reply(before=[gate]))                   # nothing at all until the gate opens
    upstream.script(in_json({"data": []}), path="/models")  # for one path; without `path` every POST is meant
    upstream.always(openai.chat("again"), path="/chat/completions")
    upstream.openai.models = ["m1", {"id": "m2", "object": "model", "owned_by": "x"}]
    upstream.key = "secret"                                 # other keys get a 401

    upstream.url        # http://127.0.0.1:PORT/v1; `origin` is the same without /v1
    upstream.history    # what came in: Received(method, path, raw_path, query, headers, body, json, parts, key …)
    upstream.last, upstream.chats, upstream.asked("/models"), upstream.wait_for("/chat/completions")
    upstream.last.closed / .done                            # events: the client left too early / the answer is over

What is not scripted gets a sensible answer (a chat echoes). Ways in which real servers differ stand in `oddities.py`;
`tls.py` makes a certificate for `Upstream(tls=…)`; `unused_port()`, `silent_listener()` and `full_listener()` are
addresses that refuse, never answer, and never connect.
`upstream.automatic1111`, `upstream.comfyui`, `upstream.ollama`, `upstream.openid` and `upstream.search` speak theirs at
`upstream.origin`; their files say how to steer them.
Paths: `/v1/…` under any prefix (OpenRouter's list at `/api/v1/models`), Azure's `/openai/deployments/{d}/…` and
`/openai/v1/…`, Ollama's `/api/…`. By hand: `python -m tests.upstream --port 9999`.

**To add a protocol**: write `tests/upstream/<name>.py` with a subclass of `core.Protocol` (its docstring is the
guide: a list of routes, one method per route that returns a `Reply`, state as attributes) and add it to
`PROTOCOLS` in `protocols.py`. It is then reachable as `upstream.<name>`; scripts, gates, cuts and the history work for
its paths without further doing. Keep the builders of its answers (what a test queues) as plain functions in the same
file, like `openai.chat`. The first protocol that knows a path answers it, so the special ones stand before `openai`.
"""

from tests.upstream.core import Part, Protocol, Received, Upstream, full_listener, silent_listener, unused_port
from tests.upstream.protocols import PROTOCOLS
from tests.upstream.replies import (
    DROP,
    END,
    RESET,
    Behaviour,
    Cut,
    Gate,
    Pause,
    Raw,
    Reply,
    Step,
    frame,
    gzipped,
    in_bytes,
    in_html,
    in_json,
    in_text,
    no_http,
    redirect,
    reset,
    sse,
)

__all__ = [
    "DROP",
    "END",
    "PROTOCOLS",
    "RESET",
    "Behaviour",
    "Cut",
    "Gate",
    "Part",
    "Pause",
    "Protocol",
    "Raw",
    "Received",
    "Reply",
    "Step",
    "Upstream",
    "frame",
    "full_listener",
    "gzipped",
    "in_bytes",
    "in_html",
    "in_json",
    "in_text",
    "no_http",
    "redirect",
    "reset",
    "silent_listener",
    "sse",
    "unused_port",
]
