"""What calls cost: answers of all providers against costs that were computed by hand, and which price counts."""

import itertools
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from providers import pricing
from providers.facts import GatewayFacts, PriceFacts, Snapshot, Source
from providers.models import Price, UsageRecord
from providers.relay import usage
from providers.relay.usage import CallUsage, reported
from tests.providers.facts import connection_to, route_to

VERSIONS = itertools.count(1)
WHEN = datetime(2026, 11, 1, tzinfo=UTC).timestamp()


def price(number: int = 1, pattern: str = "*", **more: Any) -> PriceFacts:
    prices: dict[str, Decimal | None] = dict.fromkeys(Price.amounts())
    prices |= {name: Decimal(more.pop(name)) for name in list(more) if name in prices}
    facts: dict[str, Any] = {"connection_id": None, "valid_from": None, "per": 1_000_000, "pictures": {}} | more
    return PriceFacts(id=number, pattern=pattern, prices=prices, **facts)


def snapshot_of(source: Source, *prices: PriceFacts) -> Snapshot:
    """A new version each time: what a process knows of prices holds for one."""
    routes = {"m1": route_to(source.connection, source.upstream_id, source.raw, public_id="m1")}
    return Snapshot(next(VERSIONS), routes, {source.connection.id: source.connection}, GatewayFacts(), prices=prices)


def cost(source: Source, value: dict[str, Any] | None, *prices: PriceFacts, **more: Any) -> Decimal | None:
    """What a call with this usage object costs."""
    tail = usage.Tail()
    tail.add(b"data: " + orjson.dumps({"choices": [], "usage": value}) + b"\n\ndata: [DONE]\n\n")
    facts = {"kind": "chat", "model": "m1", "status": 200, "when": WHEN, "first_byte_ms": 9} | more
    call = CallUsage(
        connection_id=source.connection.id, upstream_id=source.upstream_id, **usage.count_tokens(tail), **facts
    )
    reported.read(call)
    return pricing.cost_of(call, snapshot_of(source, *prices))


def at(url: str, model: str, raw: dict[str, Any] | None = None, **more: Any) -> Source:
    return Source(connection_to(base_url=url, **more), model, raw or {})


ROW = price(input="2", cached_input="0.5", output="8", reasoning="10", audio_input="40", audio_output="80")
LOCAL = at("http://10.0.0.5:8000/v1", "qwen3")

BY_HAND: list[tuple[str, Source, dict[str, Any], tuple[PriceFacts, ...], str | None]] = [
    (  # 600 × 2.50 + 400 × 1.25 + 100 × 10, of a million
        "OpenAI's chat, by the well-known price",
        at("https://api.openai.com/v1", "gpt-4o"),
        {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}},
        (),
        "0.003",
    ),
    (  # 20 × 3 + 1000 × 0.30 + 100 × 3.75 + 10 × 15
        "Anthropic's message, whose input leaves out the cache",
        at("https://api.anthropic.com/v1", "claude-sonnet-4-5"),
        {
            "input_tokens": 20,
            "cache_read_input_tokens": 1000,
            "cache_creation_input_tokens": 100,
            "output_tokens": 10,
        },
        (),
        "0.000885",
    ),
    (  # above 200,000 tokens each of them costs twice as much: 200,001 × 6 + 10 × 22.50
        "Anthropic's long input",
        at("https://api.anthropic.com/v1", "claude-sonnet-4-5"),
        {"input_tokens": 200_001, "output_tokens": 10},
        (),
        "1.200231",
    ),
    (  # 10 × 5 + 80 × 10 + 700 × 40
        "OpenAI's pictures by tokens",
        at("https://api.openai.com/v1", "gpt-image-1"),
        {
            "input_tokens": 90,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 80},
            "output_tokens": 700,
        },
        (),
        "0.02885",
    ),
    (  # 5 × 0.000001 + 2 × 0.000002 + 0.001
        "a model that OpenRouter lists with its price",
        at(
            "https://openrouter.ai/api/v1",
            "a/b",
            {
                "pricing": {
                    "prompt": "0.000001",
                    "completion": "0.000002",
                    "request": "0.001",
                    "internal_reasoning": "0",
                }
            },
        ),
        {"prompt_tokens": 5, "completion_tokens": 2},
        (),
        "0.001009",
    ),
    (
        "what OpenRouter says that the call cost",
        at("https://openrouter.ai/api/v1", "a/b", {"pricing": {"prompt": "0.000001", "completion": "0.000002"}}),
        {"prompt_tokens": 5, "completion_tokens": 2, "cost": 0.00014},
        (price(input="100", output="100"),),
        "0.00014",
    ),
    (
        "xAI's ticks",
        at("https://api.x.ai/v1", "grok-4"),
        {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 41, "cost_in_usd_ticks": 37756000},
        (),
        "0.0037756",
    ),
    (  # 60 × 2 + 40 × 0.5 + 20 × 8 + 30 × 10
        "an own price, with cache and reasoning",
        LOCAL,
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "prompt_tokens_details": {"cached_tokens": 40},
            "completion_tokens_details": {"reasoning_tokens": 30},
        },
        (ROW,),
        "0.0006",
    ),
    (  # 3 × 2 + 7 × 40 + 1 × 8 + 5 × 80
        "an own price, with sound",
        LOCAL,
        {
            "prompt_tokens": 10,
            "completion_tokens": 6,
            "prompt_tokens_details": {"audio_tokens": 7},
            "completion_tokens_details": {"audio_tokens": 5},
        },
        (ROW,),
        "0.000694",
    ),
    (  # 10 × 2 + (5 + 25) as output, of which 25 are reasoning: 5 × 8 + 25 × 10
        "Gemini's reasoning, which only the total counts",
        LOCAL,
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40},
        (ROW,),
        "0.00031",
    ),
    ("a model without a price", LOCAL, {"prompt_tokens": 10, "completion_tokens": 5}, (), None),
    ("a model that costs nothing", LOCAL, {"prompt_tokens": 10, "completion_tokens": 5}, (price(input="0"),), "0"),
    (
        "a price that depends on the call",
        at("https://openrouter.ai/api/v1", "openrouter/auto", {"pricing": {"prompt": "-1", "completion": "-1"}}),
        {"prompt_tokens": 5, "completion_tokens": 2},
        (),
        None,
    ),
]


@pytest.mark.parametrize(
    ("source", "value", "prices", "dollars"), [row[1:] for row in BY_HAND], ids=[row[0] for row in BY_HAND]
)
def test_answers_cost_what_was_computed_by_hand(
    source: Source, value: dict[str, Any], prices: tuple[PriceFacts, ...], dollars: str | None
) -> None:
    assert cost(source, value, *prices) == (None if dollars is None else Decimal(dollars))


@pytest.mark.parametrize(
    ("facts", "row", "dollars"),
    [
        ({"kind": "image", "images": 2, "picture_size": "1024x1024", "picture_quality": "high"}, {}, "0.334"),
        ({"kind": "image", "images": 2, "picture_size": "1024x1024", "picture_quality": "low"}, {}, "0.08"),
        ({"kind": "image", "images": 2, "picture_size": "512x512"}, {}, "0.04"),
        ({"kind": "speech", "characters": 1000}, {"character": "15"}, "0.015"),
        ({"kind": "transcriptions", "seconds": Decimal("8.5")}, {"second": "0.0001"}, "0.00085"),
        ({"kind": "rerank"}, {"request": "0.002"}, "0.002"),
        ({"kind": "chat"}, {"input": "1"}, None),
    ],
)
def test_pictures_sound_and_requests_have_their_prices(
    facts: dict[str, Any], row: dict[str, Any], dollars: str | None
) -> None:
    of_pictures = {"picture": "0.02", "pictures": {"1024x1024 high": Decimal("0.167"), "1024x1024": Decimal("0.04")}}
    prices = price(**(row or of_pictures))
    assert cost(LOCAL, None, prices, **facts) == (None if dollars is None else Decimal(dollars))


def test_pictures_of_an_engine_of_its_own_cost_by_rows_for_all_connections() -> None:
    call = CallUsage(kind="image", model="Studio", upstream_id="gpt-image-1", images=2, status=200, when=WHEN)
    of_a_connection = price(1, "gpt-image*", picture="9", connection_id=LOCAL.connection.id)
    assert pricing.cost_of(call, snapshot_of(LOCAL, of_a_connection)) is None
    assert pricing.cost_of(call, snapshot_of(LOCAL, of_a_connection, price(2, "gpt-*", picture="0.04"))) == Decimal(
        "0.08"
    )


def test_the_narrowest_price_that_is_valid_counts() -> None:
    rows = [
        price(1, "*", input="1"),
        price(2, "m*", input="2"),
        price(3, "qwen3", input="3"),
        price(4, "*", input="4", connection_id=LOCAL.connection.id),
        price(5, "m*", input="5", connection_id=LOCAL.connection.id),
        price(6, "m*", input="6", connection_id=LOCAL.connection.id, valid_from=date(2026, 10, 31)),
        price(7, "m*", input="7", connection_id=LOCAL.connection.id, valid_from=date(2026, 11, 2)),
        price(8, "gpt*", input="8"),
        price(9, "M1", input="9", connection_id=LOCAL.connection.id + 1),
    ]
    used = {"prompt_tokens": 1_000_000, "completion_tokens": 0}
    for count, dollars in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (9, 6)):
        assert cost(LOCAL, used, *rows[:count]) == dollars


@pytest.mark.parametrize(("status", "first_byte_ms", "dollars"), [(400, 5, 0), (502, None, 0), (499, 5, None)])
def test_what_nobody_answered_costs_nothing(status: int, first_byte_ms: int | None, dollars: int | None) -> None:
    assert cost(LOCAL, None, ROW, status=status, first_byte_ms=first_byte_ms) == dollars


def test_an_estimate_is_made_of_the_same_prices() -> None:
    snapshot = snapshot_of(LOCAL, ROW)
    guess = pricing.estimate(snapshot, "m1", LOCAL, when=WHEN, tokens_in=100, tokens_out=50)
    assert guess == Decimal("0.0006")


def _first_record() -> UsageRecord:
    pause = threading.Event()
    for _ in range(1000):
        usage.flush()
        if one := UsageRecord.objects.first():
            return one
        pause.wait(0.01)
    raise AssertionError("no record was written")


@pytest.mark.django_db(transaction=True)
def test_an_impossible_price_loses_no_record(site, connection, upstream, api_key):
    Price.objects.create(pattern="tts*", character="999999", per=1)
    body = {"model": "tts-1", "input": "Hello there" * 200_000, "voice": "alloy"}
    assert site.session(key=api_key).post(f"{site.url}/v1/audio/speech", json=body).status_code == 200
    record = _first_record()
    assert (record.characters, record.cost) == (2_200_000, None)


@pytest.mark.django_db(transaction=True)
def test_a_speech_costs_by_its_characters(site, connection, upstream, api_key):
    Price.objects.create(pattern="tts*", character="15")
    body = {"model": "tts-1", "input": "Hello there", "voice": "alloy"}
    assert site.session(key=api_key).post(f"{site.url}/v1/audio/speech", json=body).status_code == 200
    one = _first_record()
    assert (one.characters, one.cost) == (11, Decimal("0.000165"))
