"""Metrics of calls: counted as usage records are written, in a bounded number of series."""

from decimal import Decimal

import pytest

from providers import runtime
from providers.relay import usage
from providers.relay.usage import CallUsage
from webui.monitoring.calls import MOST_VALUES, CallMetrics

CHAT = {"model": "m1", "messages": [{"role": "user", "content": "Hello"}]}


def test_a_call_is_counted_with_its_tokens_and_its_error(site, upstream, connection, api_key):
    upstream.answer("Hi.")
    session = site.session(key=api_key)
    for _ in range(2):
        told = session.post(f"{site.url}/v1/chat/completions", json=CHAT).json()["usage"]
    usage.flush()
    lines = session.get(f"{site.url}/metrics").text.splitlines()
    of_model = 'connection="Scripted",model="m1"'
    assert f'webui_calls_total{{code="ok",{of_model}}} 2.0' in lines
    total = 2.0 * told["prompt_tokens"]
    assert f'webui_call_tokens_total{{connection="Scripted",direction="in",model="m1"}} {total}' in lines
    assert 'webui_call_first_byte_seconds_count{connection="Scripted"} 2.0' in lines
    assert "webui_calls_open 0.0" in lines


@pytest.mark.django_db
def test_labels_have_a_bounded_number_of_values(connection):
    metrics = runtime.state(CallMetrics)
    calls = [
        CallUsage(kind="chat", model=f"m{n}", status=500, error_code=f"code{n}", cost=Decimal("0.5"), first_byte_ms=20)
        for n in range(MOST_VALUES["model"] + 50)
    ]
    metrics.count(calls)
    samples = [sample for family in metrics.calls.collect() for sample in family.samples]
    for label in ("model", "code"):
        values = {sample.labels[label] for sample in samples}
        assert len(values) == MOST_VALUES[label] + 1
        assert "other" in values
    cost = [sample for family in metrics.cost.collect() for sample in family.samples if sample.name.endswith("_total")]
    assert sum(sample.value for sample in cost) == len(calls) / 2
