"""The OpenAI image engine: requests, responses and refusals. `test_errors.py` beside it tests the errors."""

import threading

import pytest

from imagegen import rows
from imagegen.engines.base import Cancelled, EngineConfig, Run
from imagegen.engines.openai import OpenAI
from providers.errors import AddressRefused, BadRequest, NetworkError, ProviderError, UpstreamTimeout
from providers.http import Limits
from tests.imagegen.drawing import LONG_AGO, draw, picture
from tests.people import make_connection
from tests.upstream import Gate, Reply, in_bytes, in_json, redirect
from tests.upstream.openai import error, error_frame
from tests.upstream.openai.images import drawn, linked, streamed, strict
from tests.upstream.pictures import png

RED, BLUE, HALF = png(8, 8), png(8, 8, shade=90), png(8, 8, shade=30)
GENERATE, EDIT = "/images/generations", "/images/edits"


@pytest.fixture
def engine() -> OpenAI:
    return OpenAI()


@pytest.fixture
def config(upstream):
    """Makes a configuration for the scripted upstream."""

    def make(**members) -> EngineConfig:
        return EngineConfig(**{"url": upstream.url, "secret": "sk-ours", "model": "gpt-image-2", **members})

    return make


# --- what is sent ---


def test_a_request_becomes_one_json_call_with_the_key(engine, config, upstream):
    upstream.script(drawn(RED))

    draw(engine, config(options={"partial_images": 0}), size="1024x1024")

    assert upstream.last.path == "/v1/images/generations"
    assert upstream.last.headers["Authorization"] == "Bearer sk-ours"
    assert upstream.last.json == {"model": "gpt-image-2", "prompt": "a red kite", "n": 1, "size": "1024x1024"}


def test_response_format_goes_only_to_models_that_know_it(engine, config, upstream):
    upstream.always(drawn(RED))

    for model, expected in (
        ("dall-e-3", "b64_json"),
        ("stable-diffusion-xl", "b64_json"),
        ("openai/gpt-image-2", None),
        ("gpt-image-1.5", None),
    ):
        draw(engine, config(model=model, options={"partial_images": 0}))
        assert upstream.last.json.get("response_format") == expected, model


def test_an_empty_size_is_not_sent(engine, config, upstream):
    upstream.script(drawn(RED))

    draw(engine, config())

    assert "size" not in upstream.last.json


def test_a_default_size_that_the_model_cannot_draw_is_left_to_the_model(engine, config, upstream):
    upstream.script(drawn(RED))

    draw(engine, config(size="512x512"))

    assert "size" not in upstream.last.json


def test_administrators_parameters_are_merged_last_and_a_null_takes_one_out(engine, config, upstream):
    upstream.script(drawn(RED))
    params = {"quality": "low", "user": "site", "stream": None, "partial_images": None}

    draw(engine, config(params=params), params={"quality": "high", "background": "transparent"})

    asked = upstream.last.json
    assert (asked["quality"], asked["background"], asked["user"]) == ("low", "transparent", "site")
    assert "stream" not in asked


def test_models_that_draw_one_picture_a_call_are_called_again(engine, config, upstream):
    upstream.script(drawn(RED), drawn(BLUE), drawn(HALF))

    drawing = draw(engine, config(model="dall-e-3"), n=3)

    assert [one.content for one in drawing.pictures] == [RED, BLUE, HALF]
    assert [one.json["n"] for one in upstream.asked(GENERATE)] == [1, 1, 1]


def test_further_headers_and_a_connections_own_proof_are_sent(engine, config, upstream):
    upstream.script(drawn(RED))

    draw(engine, config(headers={"X-Team": "blue"}, auth=lambda: {"Authorization": "Bearer entra"}))

    assert upstream.last.headers["X-Team"] == "blue"
    assert upstream.last.headers["Authorization"] == "Bearer entra"


# --- edits ---


def test_one_input_picture_is_sent_as_image_with_its_own_type(engine, config, upstream):
    upstream.script(drawn(RED))
    source = picture()

    draw(engine, config(options={"partial_images": 0}), images=(source,), params={"quality": "low"})

    assert upstream.last.path.endswith(EDIT)
    [part] = upstream.last.files
    assert (part.name, part.filename, part.content_type, part.data) == (
        "image",
        "image-0.png",
        "image/png",
        source.content,
    )
    assert upstream.last.fields == {"model": "gpt-image-2", "prompt": "a red kite", "n": "1", "quality": "low"}


def test_several_pictures_and_a_mask(engine, config, upstream):
    upstream.script(drawn(RED))
    mask = picture(alpha=True)

    draw(engine, config(), images=(picture(), picture(shade=9)), mask=mask)

    assert [part.name for part in upstream.last.files] == ["image[]", "image[]", "mask"]
    assert upstream.last.files[2].data == mask.content


def test_booleans_and_objects_become_form_fields(engine, config, upstream):
    upstream.script(drawn(RED))

    draw(engine, config(params={"svg": {"model": "x"}, "moderation": True}), images=(picture(),))

    assert upstream.last.fields["svg[model]"] == "x"
    assert upstream.last.fields["moderation"] == "true"


# --- Azure ---


@pytest.mark.parametrize(
    ("base", "version", "path", "query"),
    [
        ("", "2025-04-01-preview", "/openai/deployments/my%20draw%2F1/images/generations", "2025-04-01-preview"),
        ("/openai", "2025-04-01-preview", "/openai/deployments/my%20draw%2F1/images/generations", "2025-04-01-preview"),
        ("/openai/deployments/fixed", "2024-10-21", "/openai/deployments/fixed/images/generations", "2024-10-21"),
        ("/openai/v1", "", "/openai/v1/images/generations", None),
        ("/openai/v1", "preview", "/openai/v1/images/generations", "preview"),
        ("", "", "/openai/v1/images/generations", None),
    ],
)
def test_azures_addresses(engine, config, upstream, base, version, path, query):
    upstream.script(drawn(RED))
    azure = config(url=upstream.origin + base, version=version, model="my draw/1", options={"azure": "yes"})

    draw(engine, azure)

    assert upstream.last.raw_path.partition("?")[0] == path
    assert upstream.last.query.get("api-version") == query
    assert upstream.last.headers["api-key"] == "sk-ours"
    assert "Authorization" not in upstream.last.headers


def test_azure_takes_one_input_picture_in_its_list_form(engine, config, upstream):
    upstream.script(drawn(RED))

    draw(engine, config(url=upstream.origin + "/openai/deployments/d", version="v"), images=(picture(),))

    assert upstream.last.files[0].name == "image[]"


@pytest.mark.django_db(transaction=True)
def test_a_connection_to_azure_is_azure_behind_any_host(engine, upstream, make_engine):
    upstream.script(drawn(RED))
    connection = make_connection(upstream.origin, kind="azure", api_version="2025-04-01-preview", secret="sk-ours")
    row = make_engine(kind="openai", connection=connection, secret="", model="my draw")

    draw(engine, rows.config_of(row), images=(picture(),))

    assert upstream.last.raw_path == "/openai/deployments/my%20draw/images/edits?api-version=2025-04-01-preview"
    assert upstream.last.files[0].name == "image[]"
    assert upstream.last.headers["api-key"] == "sk-ours"
    assert "Authorization" not in upstream.last.headers
    assert engine.models(rows.config_of(row)) == []


def test_a_version_without_azure_is_only_a_query(engine, config, upstream):
    upstream.script(drawn(RED))

    draw(engine, config(version="2026-01-01"))

    assert upstream.last.raw_path == "/v1/images/generations?api-version=2026-01-01"


# --- what is read ---


def test_pictures_come_with_type_facts_and_usage(engine, config, upstream):
    upstream.script(drawn(RED, BLUE))

    drawing = draw(engine, config(), n=2)

    first, second = drawing.pictures
    assert (first.content, second.content) == (RED, BLUE)
    assert first.content_type == "image/png"
    assert first.model == "gpt-image-2"
    assert first.provenance == {"size": "1024x1024", "quality": "high", "background": "opaque"}
    assert (drawing.used[0].input_tokens, drawing.used[0].output_tokens) == (14, 4160)


def test_addresses_on_the_engines_own_origin_are_fetched_with_our_headers(engine, config, upstream):
    upstream.script(linked(f"{upstream.origin}/pictures/32x16.png", revised_prompt="A kite, red."))

    [one] = draw(engine, config(model="dall-e-3")).pictures

    assert one.content_type == "image/png"
    assert one.revised_prompt == "A kite, red."
    assert upstream.last.headers["Authorization"] == "Bearer sk-ours"


def test_an_address_elsewhere_may_not_be_private(engine, config, upstream, start_upstream):
    other = start_upstream()
    upstream.script(linked(f"{other.origin}/pictures/32x16.png"))

    with pytest.raises(AddressRefused):
        draw(engine, config())

    assert other.history == []


def test_a_redirect_from_our_origin_takes_no_credential_along(engine, config, upstream, start_upstream):
    other = start_upstream()
    upstream.script(linked(f"{upstream.origin}/out/1.png"))
    upstream.script(redirect(f"{other.origin}/pictures/8x8.png"), path="/out/1.png")

    with pytest.raises(AddressRefused):
        draw(engine, config())

    assert other.history == []


def test_fewer_pictures_than_requested_are_noticed(engine, config, upstream):
    upstream.script(drawn(RED))

    drawing = draw(engine, config(), n=3)

    assert len(drawing.pictures) == 1
    assert drawing.notices == ["The provider drew 1 of 3 pictures."]


@pytest.mark.parametrize("data", [None, [], [{}], [{"b64_json": ""}]])
def test_an_answer_without_a_picture_is_an_error(engine, config, upstream, data):
    upstream.script(in_json({"created": 1, "data": data}))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert caught.value.code == "no_picture"


@pytest.mark.parametrize(
    "reply", [in_json({"data": [{"b64_json": "aGVsbG8="}]}), in_json(["x"]), in_bytes(b"not json", "text/plain")]
)
def test_what_is_not_a_picture_or_not_json_is_an_error(engine, config, upstream, reply):
    upstream.script(reply)

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert caught.value.code == "invalid_answer"


# --- pictures on the way ---


@pytest.mark.parametrize("edit", [False, True])
def test_pictures_on_the_way_are_shown(engine, config, upstream, edit):
    upstream.script(streamed(RED, HALF, BLUE, edit=edit))

    drawing = draw(engine, config(), images=(picture(),) if edit else ())

    asked = upstream.last.fields if edit else upstream.last.json
    assert (asked["stream"], asked["partial_images"]) == (("true", "2") if edit else (True, 2))
    assert [step.preview for step in drawing.progress] == [HALF, BLUE]
    assert [one.content for one in drawing.pictures] == [RED]
    fractions = [step.fraction for step in drawing.progress]
    assert fractions == sorted(fractions)


def test_a_server_that_ignores_streaming_answers_in_json(engine, config, upstream):
    upstream.script(drawn(RED))

    assert len(draw(engine, config()).pictures) == 1


def test_several_pictures_are_not_streamed(engine, config, upstream):
    upstream.script(drawn(RED, BLUE))

    draw(engine, config(), n=2)

    assert "stream" not in upstream.last.json


def test_a_stream_that_ends_too_early_is_an_error(engine, config, upstream):
    upstream.script(streamed(None, HALF))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert (caught.value.code, caught.value.retryable) == ("stream_cut", True)


def test_an_error_in_mid_stream_has_the_providers_words(engine, config, upstream):
    upstream.script(streamed(None, HALF, steps=[error_frame("Too busy.", type="server_error", code="server_error")]))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert (caught.value.provider, caught.value.retryable) == ("Too busy.", True)


# --- what a server does not know ---


def test_an_unknown_parameter_is_left_out_once_and_learned(engine, config, upstream):
    upstream.always(strict(drawn(RED), "n"))

    drawing = draw(engine, config(model="my-deployment"))

    assert drawing.learned == ["response_format"]
    assert drawing.notices == []
    assert [set(one.json) for one in upstream.asked(GENERATE)] == [
        {"model", "prompt", "n", "response_format"},
        {"model", "prompt", "n"},
    ]


def test_what_was_learned_is_not_sent_again(engine, config, upstream):
    upstream.always(strict(drawn(RED), "n"))

    draw(engine, config(model="my-deployment", dropped=frozenset({"response_format"})))

    assert len(upstream.asked(GENERATE)) == 1


def test_what_the_first_of_several_calls_learned_the_others_know(engine, config, upstream):
    upstream.always(strict(drawn(RED), "n", "size"))

    drawing = draw(engine, config(model="dall-e-3"), n=3)

    assert (len(drawing.pictures), drawing.learned) == (3, ["response_format"])
    assert len(upstream.asked(GENERATE)) == 4


def test_a_dropped_default_that_changes_the_picture_is_said(engine, config, upstream):
    upstream.always(strict(drawn(RED), "n", "response_format"))

    drawing = draw(engine, config(model="local", size="512x512"))

    assert drawing.learned == ["size"]
    assert drawing.notices == ["The provider does not know the parameter size: drawn without it."]


def test_a_parameter_that_somebody_requested_is_not_dropped(engine, config, upstream):
    upstream.always(strict(drawn(RED), "n", "response_format"))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config(model="local"), params={"quality": "high"})

    assert caught.value.param == "quality"
    assert len(upstream.asked(GENERATE)) == 1


def test_streaming_that_is_not_allowed_is_given_up_as_a_whole(engine, config, upstream):
    words = "Your organization must be verified to stream this model."
    upstream.script(error(400, words, code="unsupported_value", param="stream"), drawn(RED))

    drawing = draw(engine, config())

    assert drawing.learned == ["partial_images", "stream"]
    assert {"stream", "partial_images"}.isdisjoint(upstream.last.json)
    assert len(drawing.pictures) == 1


def test_the_second_refusal_is_told(engine, config, upstream):
    upstream.script(
        error(400, "Unknown parameter: 'response_format'.", code="unknown_parameter", param="response_format"),
        error(400, "Bad prompt.", code="invalid_value"),
    )

    with pytest.raises(ProviderError) as caught:
        draw(engine, config(model="local"))

    assert caught.value.provider == "Bad prompt."


# --- what cannot be said ---


@pytest.mark.parametrize(
    ("model", "wish", "param"),
    [
        ("gpt-image-2", {"negative_prompt": "rain"}, "negative_prompt"),
        ("gpt-image-2", {"steps": 20}, "steps"),
        ("gpt-image-2", {"seed": 4}, "seed"),
        ("gpt-image-2", {"size": "1000x1000"}, "size"),
        ("gpt-image-2", {"size": "512x512"}, "size"),
        ("gpt-image-2", {"size": "3072x512"}, "size"),
        ("gpt-image-1", {"size": "1024x768"}, "size"),
        ("dall-e-3", {"size": "auto"}, "size"),
        ("dall-e-3", {"images": True}, "image"),
        ("dall-e-2", {"images": 2}, "image"),
        ("dall-e-2", {"prompt": "x" * 1001}, "prompt"),
        ("gpt-image-2", {"params": {"n": 4}}, "n"),
    ],
)
def test_a_request_that_cannot_be_said_is_refused_before_any_call(engine, config, upstream, model, wish, param):
    if "images" in wish:
        wish = {**wish, "images": (picture(),) * int(wish["images"])}

    with pytest.raises(BadRequest) as caught:
        draw(engine, config(model=model), **wish)

    assert caught.value.param == param
    assert upstream.history == []


def test_a_row_can_say_that_its_server_can_more(engine, config, upstream):
    upstream.script(drawn(RED))
    can = {"negative_prompt": True, "seed": True, "steps": True}

    draw(engine, config(model="flux", capabilities=can), negative_prompt="rain", seed=7, steps=9)

    asked = upstream.last.json
    assert (asked["negative_prompt"], asked["seed"], asked["steps"]) == ("rain", 7, 9)


# --- the end of a run ---


@pytest.mark.parametrize("streaming", [False, True])
def test_cancelling_closes_the_connection(engine, config, upstream, streaming):
    gate = Gate()
    upstream.script(streamed(RED, HALF, steps=[gate]) if streaming else Reply(before=[gate]))
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


def test_closing_the_generator_early_closes_the_connection(engine, config, upstream):
    gate = Gate()
    upstream.script(streamed(RED, HALF, steps=[gate]))
    from imagegen.image_request import ImageRequest

    events = engine.generate(config(), ImageRequest(prompt="a red kite"), Run())
    next(events)
    events.close()

    upstream.last.wait_closed()


def test_a_cancelled_run_calls_nobody(engine, config, upstream):
    run = Run()
    run.cancel()

    with pytest.raises(Cancelled):
        draw(engine, config(), run)

    assert upstream.history == []


def test_a_deadline_ends_the_call(engine, config, upstream):
    import time

    upstream.script(Reply(before=[Gate()]))

    with pytest.raises(UpstreamTimeout):
        draw(engine, config(), Run(deadline=time.monotonic() + 0.2))


def test_nobody_there_is_a_network_error_worth_trying_again(engine, config):
    from tests.upstream import unused_port

    with pytest.raises(NetworkError) as caught:
        draw(engine, config(url=f"http://127.0.0.1:{unused_port()}/v1"))

    assert caught.value.retryable


def test_an_answer_larger_than_allowed_is_refused(engine, config, upstream):
    upstream.script(drawn(png(64, 64)))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config(limits=Limits(max_bytes=1000)))

    assert caught.value.code == "answer_too_large"


# --- for the administrator ---


def test_the_models_shown_are_the_listed_ones_that_draw(engine, config, upstream):
    upstream.openai.models = [
        "gpt-6",
        "gpt-image-2",
        "text-embedding-3-small",
        "openai/gpt-image-2.6-flare",
        "dall-e-3",
    ]

    names = [one.id for one in engine.models(config())]

    assert names == ["gpt-image-2", "openai/gpt-image-2.6-flare", "dall-e-3"]


def test_models_that_were_shut_down_are_left_out(engine, config, upstream):
    upstream.openai.models = [
        {"id": "gpt-image-1", "shutdown_date": "2026-01-01"},
        {"id": "gpt-image-2", "shutdown_date": None},
        {"id": "gpt-image-2.5-flare", "shutdown_date": "2999-01-01"},
    ]

    assert [one.id for one in engine.models(config())] == ["gpt-image-2", "gpt-image-2.5-flare"]


def test_a_server_whose_models_have_unknown_names_shows_all(engine, config, upstream):
    upstream.openai.models = ["my-drawer", "other"]

    assert [one.id for one in engine.models(config())] == ["my-drawer", "other"]


def test_a_server_without_a_list_shows_the_table(engine, config, upstream):
    upstream.script(error(404, "no such route"), path="/models")

    assert "gpt-image-2.6-sunburst" in [one.id for one in engine.models(config())]


def test_checking_says_what_is_there_and_what_is_wrong(engine, config, upstream):
    upstream.openai.models = ["gpt-6", "gpt-image-2"]
    assert engine.check(config(model="gpt-image-2")).words == "2 models, 1 of them for pictures."

    upstream.key = "another"
    with pytest.raises(ProviderError) as caught:
        engine.check(config())
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")


def test_checking_azure_asks_its_own_list(engine, config, upstream):
    engine.check(config(url=upstream.origin + "/openai/deployments/d", version="2024-10-21"))

    assert upstream.history[0].raw_path == "/openai/models?api-version=2024-10-21"
