"""The order in which the sources of a model are tried."""

import json
import threading
from collections import Counter
from dataclasses import dataclass

import pytest

from providers import runtime
from providers.catalogue import health
from providers.facts import ConnectionFacts
from providers.models import ChatModel, ModelSource, SourceOrder
from providers.relay.source_order import InFlight, in_order
from tests import people
from tests.providers.facts import connection_to
from tests.upstream import Gate

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]


@dataclass(frozen=True)
class Candidate:
    connection: ConnectionFacts
    upstream_id: str = "m"
    weight: int = 1


def candidates(*weights: int) -> list[Candidate]:
    return [Candidate(connection_to(id=number), weight=weight) for number, weight in enumerate(weights, start=1)]


def ids(ordered) -> list[int]:
    return [candidate.connection.id for candidate in ordered]


@pytest.mark.parametrize("order", SourceOrder.values)
def test_each_order_keeps_all_sources_and_tries_resting_ones_last(order):
    sources = candidates(1, 5, 0)
    health.failed(2, OSError("no"))
    for _ in range(20):
        ordered = ids(in_order(sources, order))
        assert sorted(ordered) == [1, 2, 3]
        assert ordered[-1] == 2


def test_calls_are_shared_out_in_proportion_to_the_weights():
    firsts = Counter(ids(in_order(candidates(3, 1, 0), "weights"))[0] for _ in range(4000))
    assert firsts[3] == 0
    assert 0.70 < firsts[1] / 4000 < 0.80  # six standard deviations around three quarters


def test_a_source_without_weight_follows_after_all_others():
    assert {tuple(ids(in_order(candidates(0, 1, 4), "weights"))) for _ in range(200)} == {(2, 3, 1), (3, 2, 1)}


def test_the_source_with_the_fewest_calls_is_the_first():
    one, _two, three = sources = candidates(1, 1, 1)
    in_flight = runtime.state(InFlight)
    keys = [in_flight.begin(one), in_flight.begin(one), in_flight.begin(three)]
    assert ids(in_order(sources, "fewest")) == [2, 3, 1]
    for key in keys:
        in_flight.end(key)
    assert not in_flight.calls
    assert {ids(in_order(sources, "fewest"))[0] for _ in range(200)} == {1, 2, 3}


def test_calls_in_flight_go_to_the_connection_that_has_fewer(site, api_key, connection, upstream, start_upstream):
    second = start_upstream()
    people.make_connection(second.url, "m1", name="Second", position=1)
    ChatModel.objects.update(order="fewest")
    gates = [Gate(), Gate()]
    body = json.dumps({"model": "m1", "messages": MESSAGES, "stream": True})

    def call() -> None:
        site.session(key=api_key).post(f"{site.url}/v1/chat/completions", data=body, timeout=20)

    for server, gate in zip((upstream, second), gates, strict=True):
        server.answer("one two", after={1: gate})
    callers = [threading.Thread(target=call) for _ in range(2)]
    for caller, number in zip(callers, (1, 2), strict=True):
        caller.start()
        while len(upstream.chats) + len(second.chats) < number:
            threading.Event().wait(0.01)
    assert (len(upstream.chats), len(second.chats)) == (1, 1)
    for gate in gates:
        gate.open()
    for caller in callers:
        caller.join()
    while runtime.state(InFlight).calls:  # a call ends after its client has read the last byte
        threading.Event().wait(0.01)


def test_an_administrator_sets_order_and_weights(client, admin, connection):
    client.force_login(admin)
    model, source = ChatModel.objects.get(), ModelSource.objects.get()
    page = f"/admin/providers/chatmodel/{model.pk}/change/"
    form = client.get(page).context["adminform"].form
    values = {name: "" if (value := form.get_initial_for_field(field, name)) is None else value
              for name, field in form.fields.items()}  # fmt: skip
    sent = {
        **{name: value for name, value in values.items() if value not in (False, [], {})},
        "order": "weights",
        "sources-TOTAL_FORMS": "1", "sources-INITIAL_FORMS": "1",
        "sources-0-id": source.pk, "sources-0-model": model.pk, "sources-0-weight": "7",
    }  # fmt: skip
    answer = client.post(page, sent)
    assert answer.status_code == 302, answer.context["errors"]
    model.refresh_from_db()
    source.refresh_from_db()
    assert (model.order, source.weight, source.listed) == ("weights", 7, True)
    assert model.history.first().order == "weights"
