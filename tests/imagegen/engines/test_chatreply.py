"""The engine for chat models that draw: requests, pictures anywhere in a reply, OpenRouter's errors."""

import base64
import json
import threading

import pytest

from imagegen.engines.base import Cancelled, EngineConfig, Run
from imagegen.engines.chatreply import ChatReply
from providers.errors import AddressRefused, BadRequest, ContentRefused, ProviderError
from tests.imagegen.drawing import LONG_AGO, draw, picture
from tests.upstream import END, Gate, Reply, in_html, in_json
from tests.upstream.openai import chat, error_frame
from tests.upstream.pictures import png
from tests.upstream.replies import sse

RED, BLUE = png(8, 8), png(8, 8, shade=90)


def url_of(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def openrouter_error(status: int, message: str = "Their words.", headers=None, **metadata):
    return in_json({"error": {"code": status, "message": message, "metadata": metadata}}, status, headers)


@pytest.fixture
def engine() -> ChatReply:
    return ChatReply()


@pytest.fixture
def config(upstream):
    def make(**members) -> EngineConfig:
        values = {"url": f"{upstream.origin}/api/v1", "secret": "sk-or-ours", "model": "google/gemini-3.1-flash-image"}
        return EngineConfig(**{**values, **members})

    return make


# --- what is asked ---


def test_a_request_becomes_a_chat_message_that_asks_for_pictures(engine, config, upstream):
    upstream.answer("", images=[url_of(RED)])

    draw(engine, config(), size="1344x768")

    assert upstream.last.path == "/api/v1/chat/completions"
    assert upstream.last.headers["Authorization"] == "Bearer sk-or-ours"
    assert upstream.last.json == {
        "model": "google/gemini-3.1-flash-image",
        "messages": [{"role": "user", "content": "a red kite"}],
        "modalities": ["image", "text"],
        "stream": True,
        "image_config": {"aspect_ratio": "16:9", "image_size": "1K"},
    }


def test_models_that_only_draw_are_asked_for_pictures_alone(engine, config, upstream):
    upstream.answer("", images=[url_of(RED)])

    draw(engine, config(model="black-forest-labs/flux.2-pro"))

    assert upstream.last.json["modalities"] == ["image"]


def test_input_pictures_are_parts_of_the_message(engine, config, upstream):
    upstream.answer("", images=[url_of(RED)])
    source = picture()

    draw(engine, config(), images=(source,))

    assert upstream.last.json["messages"][0]["content"] == [
        {"type": "text", "text": "a red kite"},
        {"type": "image_url", "image_url": {"url": url_of(source.content)}},
    ]


def test_parameters_of_the_request_and_of_the_administrator(engine, config, upstream):
    upstream.answer("", images=[url_of(RED)])

    draw(
        engine,
        config(params={"provider": {"order": ["a"]}, "temperature": 0}),
        params={"aspect_ratio": "21:9", "temperature": 1},
    )

    asked = upstream.last.json
    assert asked["image_config"] == {"aspect_ratio": "21:9"}
    assert (asked["provider"], asked["temperature"]) == ({"order": ["a"]}, 0)


def test_more_pictures_are_more_calls(engine, config, upstream):
    upstream.answer("", images=[url_of(RED)])
    upstream.answer("", images=[url_of(BLUE)])

    assert [one.content for one in draw(engine, config(), n=2).pictures] == [RED, BLUE]


# --- where the picture stands ---


@pytest.mark.parametrize("ignore_stream", [False, True])
def test_pictures_of_a_reply_whole_or_streamed(engine, config, upstream, ignore_stream):
    usage = {"prompt_tokens": 10, "completion_tokens": 1290, "cost": 0.039}
    upstream.answer("Here you are.", images=[url_of(RED)], usage=usage, model="gemini-x", ignore_stream=ignore_stream)

    drawing = draw(engine, config())

    [one] = drawing.pictures
    assert (one.content, one.content_type, one.model) == (RED, "image/png", "gemini-x")
    assert (drawing.used[0].input_tokens, drawing.used[0].output_tokens, drawing.used[0].cost) == (10, 1290, 0.039)


@pytest.mark.parametrize(
    "message",
    [
        {"images": [{"image_url": {"url": url_of(RED)}}]},
        {"images": [{"url": url_of(RED)}]},
        {"images": [url_of(RED)]},
        {"content": [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": url_of(RED)}}]},
        {"content": f"Look: ![kite]({url_of(RED)})"},
        {"content": url_of(png(64, 64))},
    ],
)
def test_a_picture_is_read_where_this_server_puts_it(engine, config, upstream, message):
    upstream.answer("", message=message, ignore_stream=True)

    [one] = draw(engine, config()).pictures

    assert one.content_type == "image/png"


def test_a_picture_that_a_stream_repeats_is_taken_once(engine, config, upstream):
    upstream.answer("", images=[url_of(RED)], message={"images": [{"image_url": {"url": url_of(RED)}}]})

    assert len(draw(engine, config()).pictures) == 1


def test_a_picture_by_address_may_not_be_private(engine, config, upstream, start_upstream):
    other = start_upstream()
    upstream.answer("", message={"images": [{"image_url": {"url": f"{other.origin}/pictures/8x8.png"}}]})

    with pytest.raises(AddressRefused):
        draw(engine, config())

    assert other.history == []


def test_a_picture_by_address_on_the_own_origin_is_fetched(engine, config, upstream):
    upstream.answer(f"![kite]({upstream.origin}/pictures/8x8.png)")

    assert len(draw(engine, config()).pictures) == 1


def test_a_parameter_that_the_server_does_not_know_is_left_out(engine, config, upstream):
    upstream.script(in_json({"detail": "Unexpected fields {'modalities'}"}, 422))
    upstream.answer("", images=[url_of(RED)])

    drawing = draw(engine, config())

    assert drawing.learned == ["modalities"]
    assert "modalities" not in upstream.last.json


# --- no picture ---


def test_a_reply_in_words_shows_the_words(engine, config, upstream):
    upstream.answer("Which kite do you mean?")

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert (caught.value.code, caught.value.provider) == ("no_picture", "Which kite do you mean?")


def test_an_empty_reply_is_asked_again_once(engine, config, upstream):
    upstream.answer("")
    upstream.answer("", images=[url_of(RED)])

    assert len(draw(engine, config()).pictures) == 1


def test_two_empty_replies_are_an_error_worth_trying_again(engine, config, upstream):
    upstream.always(chat(""))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert (caught.value.code, caught.value.retryable) == ("no_picture", True)
    assert len(upstream.chats) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"refusal": "I will not draw that."},
        {"finish": "content_filter"},
        {"message": {}, "finish": "stop", "extra": {}, "refusal": "No."},
    ],
)
def test_a_refusal_is_told_as_one(engine, config, upstream, options):
    upstream.answer("", **options)

    with pytest.raises(ContentRefused):
        draw(engine, config())

    assert len(upstream.chats) == 1


def test_the_providers_own_word_for_a_block_is_read(engine, config, upstream):
    choice = {"finish_reason": "stop", "native_finish_reason": "IMAGE_SAFETY", "message": {"content": ""}}
    upstream.script(in_json({"model": "m", "choices": [choice]}))

    with pytest.raises(ContentRefused) as caught:
        draw(engine, config())

    assert caught.value.provider == "IMAGE_SAFETY"


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "in one piece"])
@pytest.mark.parametrize(
    ("end", "retryable"),
    [
        ("error", True),
        ("network_error", True),
        ("insufficient_system_resource", True),
        ("model_context_window_exceeded", False),
        ("abort", True),
    ],
)
def test_an_end_that_means_a_failure_is_told_in_its_word(engine, config, upstream, stream, end, retryable):
    upstream.answer("Let me draw", finish=end, ignore_stream=not stream)

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    raised = caught.value
    assert (raised.code, raised.provider, raised.retryable) == ("ended_early", f"{end}: Let me draw", retryable)
    assert len(upstream.chats) == 1


def test_a_picture_that_came_before_a_failed_end_is_kept(engine, config, upstream):
    upstream.answer("", images=[url_of(RED)], finish="error")

    assert [one.content for one in draw(engine, config()).pictures] == [RED]


@pytest.mark.parametrize("end", ["content_filter", "sensitive", "SAFETY", "IMAGE_SAFETY"])
def test_an_end_that_means_a_refusal_is_told_as_one(engine, config, upstream, end):
    upstream.answer("", finish=end)

    with pytest.raises(ContentRefused):
        draw(engine, config())


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "in one piece"])
@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}, "choices": None},
            "insufficient balance",
        ),
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "insufficient balance"),
        ({"base_resp": {"status_code": 1008, "status_msg": "No."}, "choices": [{"delta": {}, "message": {}}]}, "No."),
        ({"choices": None, "message": "The queue is full."}, "The queue is full."),
        ({"choices": [], "detail": "The queue is full."}, "The queue is full."),
        ({"choices": [{"error": {"message": "Worker died."}, "delta": {}}]}, "Worker died."),
        ({"choices": [{"error": "Worker died.", "message": {"content": ""}}]}, "Worker died."),
    ],
)
def test_a_reply_that_holds_but_a_reason_tells_it(engine, config, upstream, stream, document, words):
    upstream.always(sse(document) if stream else in_json(document))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert caught.value.provider == words


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "in one piece"])
@pytest.mark.parametrize(
    "more",
    [
        {"base_resp": {"status_code": 0, "status_msg": "success"}},
        {"usage": {"prompt_tokens": None, "completion_tokens": "many", "cost": "0"}},
        {"usage": None, "error": None},
    ],
)
def test_members_beside_a_picture_do_no_harm(engine, config, upstream, stream, more):
    message = {"images": [{"image_url": {"url": url_of(RED)}}], "content": None}
    choice = {"delta" if stream else "message": message, "finish_reason": "stop"}
    document = {"choices": [choice], **more}
    upstream.script(sse(document, {"choices": None, **more}) if stream else in_json(document))

    assert [one.content for one in draw(engine, config()).pictures] == [RED]


def test_a_success_without_choices_is_not_told_as_words(engine, config, upstream):
    upstream.always(in_json({"base_resp": {"status_code": 0, "status_msg": "success"}, "choices": None}))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert caught.value.provider == ""


PICTURE_FRAME = {"choices": [{"delta": {"images": [{"image_url": {"url": url_of(RED)}}]}, "finish_reason": "stop"}]}
NEARLY_RIGHT = {
    "a byte order mark": b"\xef\xbb\xbfdata: %s\n\n",
    "single line ends": b'data: {"choices": []}\ndata: %s\ndata: [DONE]\n',
    "signs of life": b"data: ping\n\n: comment\n\ndata: [heartbeat]\n\ndata: %s\n\ndata: keep-alive\n\n",
    "NaN": b'data: {"choices": [], "usage": {"prompt_tokens": NaN}}\n\ndata: %s\n\n',
    "half a surrogate pair": b'data: {"choices": [{"delta": {"content": "\\ud83d"}}]}\n\ndata: %s\n\n',
    "no last line end": b"data: %s",
}


@pytest.mark.parametrize("stream", NEARLY_RIGHT.values(), ids=NEARLY_RIGHT)
def test_a_picture_in_a_stream_that_is_nearly_right_is_drawn(engine, config, upstream, stream):
    body = stream.replace(b"%s", json.dumps(PICTURE_FRAME).encode())
    upstream.script(Reply(200, {"Content-Type": "text/event-stream"}, body))

    assert [one.content for one in draw(engine, config()).pictures] == [RED]


def test_a_stream_that_breaks_off_is_an_error(engine, config, upstream):
    upstream.always(chat("", finish=None, done=False, after={0: END}))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert (caught.value.code, caught.value.retryable) == ("stream_cut", True)


# --- errors ---


@pytest.mark.parametrize(
    ("reply", "status", "code", "retryable", "wait"),
    [
        (openrouter_error(400), 400, "provider_error", False, None),
        (openrouter_error(401), 401, "invalid_api_key", False, None),
        (openrouter_error(402, error_type="payment_required"), 402, "payment_required", False, None),
        (openrouter_error(402, headers={"Retry-After": "3"}), 402, "provider_error", True, 3.0),
        (openrouter_error(403), 403, "permission_denied", False, None),
        (openrouter_error(404, error_type="not_found"), 404, "not_found", False, None),
        (openrouter_error(408), 408, "provider_error", True, None),
        (openrouter_error(413), 413, "provider_error", False, None),
        (openrouter_error(429, headers={"Retry-After": "9"}), 429, "rate_limit_exceeded", True, 9.0),
        (openrouter_error(500), 500, "provider_error", True, None),
        (openrouter_error(503), 503, "provider_error", True, None),
        (openrouter_error(524), 524, "provider_error", True, None),
        (openrouter_error(529, error_type="provider_overloaded"), 529, "provider_overloaded", True, None),
        (in_html(502), 502, "provider_error", True, None),
        (in_json({"error": {"code": 502, "message": "Their words."}}), 502, "provider_error", True, None),
    ],
)
def test_errors_keep_code_words_and_waiting_time(engine, config, upstream, reply, status, code, retryable, wait):
    upstream.script(reply)

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    raised = caught.value
    assert (raised.status, raised.code, raised.retryable, raised.retry_after) == (status, code, retryable, wait)
    assert raised.provider in ("Their words.", "502 Bad Gateway")


@pytest.mark.parametrize(
    "metadata", [{"error_type": "content_policy_violation"}, {"reasons": ["violence"], "flagged_input": "a kite"}]
)
def test_flagged_input_is_a_refusal(engine, config, upstream, metadata):
    upstream.script(openrouter_error(403, **metadata))

    with pytest.raises(ContentRefused):
        draw(engine, config())


def test_the_words_of_the_provider_behind_are_told(engine, config, upstream):
    raw = '{"error": {"message": "CUDA out of memory"}}'
    upstream.script(openrouter_error(502, "Provider returned error", raw=raw, provider_name="x"))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert caught.value.provider == "Provider returned error: CUDA out of memory"


def test_an_error_in_mid_stream(engine, config, upstream):
    frame = error_frame("Overloaded.", code=502, metadata={"error_type": "provider_overloaded"})
    upstream.answer("a b", after={1: frame})

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    raised = caught.value
    assert (raised.code, raised.provider, raised.retryable) == ("provider_overloaded", "Overloaded.", True)


# --- the rest ---


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"images": (picture(),), "mask": picture(alpha=True)}, "mask"),
        ({"negative_prompt": "rain"}, "negative_prompt"),
        ({"seed": 4}, "seed"),
        ({"size": "1000x700"}, "size"),
        ({"params": {"messages": []}}, "messages"),
    ],
)
def test_a_request_that_cannot_be_said_is_refused_before_any_call(engine, config, upstream, wish, param):
    with pytest.raises(BadRequest) as caught:
        draw(engine, config(), **wish)

    assert caught.value.param == param
    assert upstream.history == []


def test_cancelling_closes_the_stream(engine, config, upstream):
    gate = Gate()
    upstream.answer("a b", after={1: gate})
    run, raised = Run(), []

    def go() -> None:
        try:
            draw(engine, config(), run)
        except Cancelled as error:
            raised.append(error)

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    gate.wait()
    run.cancel()

    thread.join(LONG_AGO)
    assert raised
    upstream.last.wait_closed()


def test_the_models_shown_are_those_that_draw(engine, config, upstream):
    both = {"architecture": {"output_modalities": ["image", "text"]}}
    upstream.openai.models = [{"id": "google/x", "name": "X", **both}, {"id": "openai/gpt-6"}]

    assert [(one.id, one.name) for one in engine.models(config())] == [("google/x", "X")]
    assert upstream.last.query["output_modalities"] == "image"
    assert engine.check(config(model="google/x")).words == "2 models, 1 of them for pictures."
    del upstream.openai.models[1]
    assert engine.check(config(model="google/x")).words == "1 model, 1 for pictures."


def test_a_connection_to_openrouter_checks_its_key_behind_any_host(engine, config, upstream):
    upstream.always(in_json({"data": {}}), path="/key")

    engine.check(config(connection_kind="openrouter", model="m1"))

    assert [call.path.rpartition("/")[2] for call in upstream.history] == ["key", "models"]
