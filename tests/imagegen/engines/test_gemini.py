"""The Gemini engine: both methods, edits, refusals with HTTP 200, and Google's errors."""

import base64
import io

import pytest
from PIL import Image

from imagegen.engines.base import Cancelled, EngineConfig, Run
from imagegen.engines.gemini import Gemini
from imagegen.pictures import accept
from providers.errors import AddressRefused, BadRequest, ContentRefused, ProviderError
from tests.imagegen.drawing import draw, picture
from tests.upstream import Gate, Reply, in_html, in_json
from tests.upstream.gemini import (
    answer,
    blocked_prompt,
    drew,
    error,
    finished,
    inline,
    jpeg,
    predicted,
    quota_failure,
    retry_info,
    said,
)
from tests.upstream.pictures import png

RED, BLUE = png(8, 8), png(8, 8, shade=90)
JPEG = jpeg()


@pytest.fixture
def engine() -> Gemini:
    return Gemini()


@pytest.fixture
def config(upstream):
    def make(**members) -> EngineConfig:
        return EngineConfig(
            **{"url": upstream.gemini.url, "secret": "AIza-ours", "model": "gemini-3.1-flash-image", **members}
        )

    return make


# --- generateContent ---


def test_a_request_becomes_one_call_with_the_key_in_a_header(engine, config, upstream):
    upstream.gemini.key = "AIza-ours"

    drawing = draw(engine, config(), size="1344x768", seed=5)

    assert upstream.last.raw_path == "/v1beta/models/gemini-3.1-flash-image:generateContent"
    assert upstream.last.json == {
        "contents": [{"role": "user", "parts": [{"text": "a red kite"}]}],
        "generationConfig": {
            "responseModalities": ["TEXT", "IMAGE"],
            "imageConfig": {"aspectRatio": "16:9", "imageSize": "1K"},
            "seed": 5,
        },
    }
    assert drawing.pictures[0].content_type == "image/png"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("", None),
        ("auto", None),
        ("1024x1024", {"aspectRatio": "1:1", "imageSize": "1K"}),
        ("512x512", {"aspectRatio": "1:1", "imageSize": "512"}),
        ("2048x1536", {"aspectRatio": "4:3", "imageSize": "2K"}),
        ("768x1344", {"aspectRatio": "9:16", "imageSize": "1K"}),
        ("4096x4096", {"aspectRatio": "1:1", "imageSize": "4K"}),
    ],
)
def test_a_size_is_said_as_shape_and_tier(engine, config, upstream, size, expected):
    draw(engine, config(), size=size)

    assert upstream.last.json["generationConfig"].get("imageConfig") == expected


def test_models_without_tiers_get_only_the_shape(engine, config, upstream):
    draw(engine, config(model="models/gemini-2.5-flash-image"), size="1024x1024")

    assert upstream.last.json["generationConfig"]["imageConfig"] == {"aspectRatio": "1:1"}
    assert upstream.last.path == "/v1beta/models/gemini-2.5-flash-image:generateContent"


def test_the_api_version_stays_as_configured(engine, config, upstream):
    draw(engine, config(url=f"{upstream.origin}/v1"))

    assert upstream.last.path.startswith("/v1/models/")


def test_more_pictures_are_more_calls(engine, config, upstream):
    upstream.gemini.pictures = [RED, BLUE, JPEG]

    drawing = draw(engine, config(), n=3, seed=7)

    assert [one.content for one in drawing.pictures] == [RED, BLUE, JPEG]
    assert [one.json["generationConfig"]["seed"] for one in upstream.history] == [7, 8, 9]
    assert [step.fraction for step in drawing.progress] == sorted(step.fraction for step in drawing.progress)


def test_a_refused_picture_does_not_stop_the_others(engine, config, upstream):
    upstream.script(drew(RED), finished("IMAGE_SAFETY", "Unsafe."), drew(BLUE))

    drawing = draw(engine, config(), n=3)

    assert [one.content for one in drawing.pictures] == [RED, BLUE]
    assert any("IMAGE_SAFETY: Unsafe." in notice for notice in drawing.notices)


def test_a_fault_after_the_first_picture_keeps_that_picture(engine, config, upstream):
    upstream.script(drew(RED), error(503, "UNAVAILABLE", "Overloaded."))

    drawing = draw(engine, config(), n=3)

    assert len(drawing.pictures) == 1
    assert any("Overloaded." in notice for notice in drawing.notices)


def test_input_pictures_go_along_with_their_own_types(engine, config, upstream):
    photo = accept(JPEG)

    draw(engine, config(), images=(picture(), photo))

    text, first, second = upstream.last.json["contents"][0]["parts"]
    assert text == {"text": "a red kite"}
    assert first["inlineData"]["mimeType"] == "image/png"
    assert second["inlineData"] == {"mimeType": "image/jpeg", "data": base64.b64encode(JPEG).decode()}


def test_an_input_picture_of_a_type_that_it_does_not_read_becomes_a_png(engine, config, upstream):
    out = io.BytesIO()
    Image.new("P", (16, 16)).save(out, "GIF")

    draw(engine, config(), images=(accept(out.getvalue()),))

    assert upstream.last.json["contents"][0]["parts"][1]["inlineData"]["mimeType"] == "image/png"


def test_parameters_are_merged_into_the_body(engine, config, upstream):
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    params = {"generationConfig": {"temperature": 0.5}, "safetySettings": safety}

    draw(engine, config(params=params), params={"topP": 0.9, "aspectRatio": "4:5"})

    asked = upstream.last.json
    assert asked["safetySettings"] == safety
    assert asked["generationConfig"] == {
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "4:5"},
        "temperature": 0.5,
        "topP": 0.9,
    }


def test_the_answers_own_type_name_and_usage_are_read(engine, config, upstream):
    upstream.script(drew(JPEG, model="gemini-3.1-flash-image-002"))

    drawing = draw(engine, config())

    assert drawing.pictures[0].content_type == "image/jpeg"
    assert drawing.pictures[0].model == "gemini-3.1-flash-image-002"
    assert (drawing.used[0].input_tokens, drawing.used[0].output_tokens) == (270, 1210)


def test_drafts_of_thinking_models_are_left_out(engine, config, upstream):
    upstream.script(answer(inline(RED, thought=True), {"text": "Better:"}, inline(BLUE)))

    assert [one.content for one in draw(engine, config()).pictures] == [BLUE]


@pytest.mark.parametrize(
    ("parts", "drawn"),
    [
        ([inline(RED, thought=True)], [RED]),
        ([inline(RED, thought=True), inline(BLUE, thought=True)], [BLUE]),
        ([{"text": "Let me see."}, inline(RED, thought=True), {"text": "Here it is."}], [RED]),
        ([{"text": "Hm.", "thought": True}, inline(RED, thought=True)], [RED]),
        ([inline(RED, thought=True), inline(BLUE), inline(RED)], [BLUE, RED]),
        ([inline(RED, thought=False)], [RED]),
    ],
)
def test_the_last_draft_is_the_result_where_nothing_else_came(engine, config, upstream, parts, drawn):
    upstream.script(answer(*parts))

    assert [one.content for one in draw(engine, config()).pictures] == drawn


@pytest.mark.parametrize(
    "chunks",
    [
        [[inline(RED)]],
        [[{"text": "Here"}], [{"text": " it is."}], [inline(RED)]],
        [[inline(BLUE, thought=True)], [inline(RED)], []],
        [[inline(RED)], [{"text": "That was it."}]],
    ],
)
def test_an_answer_in_chunks_is_read_to_its_end(engine, config, upstream, chunks):
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 4}
    upstream.script(
        in_json(
            [
                {
                    "candidates": [{"content": {"parts": parts}}],
                    "usageMetadata": {**usage, "thoughtsTokenCount": number},
                }
                for number, parts in enumerate(chunks)
            ]
        )
    )

    drawing = draw(engine, config())

    assert [one.content for one in drawing.pictures] == [RED]
    assert [(used.input_tokens, used.output_tokens) for used in drawing.used] == [(3, 3 + len(chunks))]


def test_an_error_in_a_later_chunk_is_told(engine, config, upstream):
    failure = {"error": {"code": 503, "message": "Overloaded.", "status": "UNAVAILABLE"}}
    upstream.script(in_json([{"candidates": []}, failure]))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert caught.value.provider == "Overloaded."


def test_a_block_in_a_later_chunk_is_a_refusal(engine, config, upstream):
    upstream.script(in_json([{"candidates": []}, {"promptFeedback": {"blockReason": "SAFETY"}}]))

    with pytest.raises(ContentRefused):
        draw(engine, config())


@pytest.mark.parametrize(
    ("outer", "mime", "address"),
    [("fileData", "mimeType", "fileUri"), ("file_data", "mime_type", "file_uri"), ("fileData", "", "fileUri")],
)
def test_a_picture_may_be_named_by_its_address(engine, config, upstream, outer, mime, address):
    file = {address: f"{upstream.origin}/pictures/8x8.png", **({mime: "image/png"} if mime else {})}
    upstream.script(answer({outer: file}))

    (drawn,) = draw(engine, config()).pictures

    assert drawn.content_type == "image/png"
    assert upstream.last.headers["x-goog-api-key"] == "AIza-ours"


def test_an_address_elsewhere_may_not_be_private(engine, config, upstream, start_upstream):
    other = start_upstream()
    upstream.script(answer({"fileData": {"mimeType": "image/png", "fileUri": f"{other.origin}/pictures/8x8.png"}}))

    with pytest.raises(AddressRefused):
        draw(engine, config())

    assert other.history == []


def test_a_file_that_is_no_picture_is_left_out(engine, config, upstream):
    part = {"fileData": {"mimeType": "video/mp4", "fileUri": f"{upstream.origin}/pictures/8x8.png"}}
    upstream.script(answer(part, inline(RED)))

    assert [one.content for one in draw(engine, config()).pictures] == [RED]


def test_the_other_spelling_is_read_too(engine, config, upstream):
    part = {"inline_data": {"mime_type": "image/png", "data": base64.b64encode(RED).decode()}}
    upstream.script(in_json({"candidates": [{"finish_reason": "STOP", "content": {"parts": [part]}}]}))

    assert len(draw(engine, config()).pictures) == 1


# --- predict ---


def test_imagen_is_predicted(engine, config, upstream):
    upstream.gemini.pictures = [RED, BLUE]

    drawing = draw(engine, config(model="imagen-4.0-generate-001"), n=2, size="1792x1024")

    assert upstream.last.path.endswith("/models/imagen-4.0-generate-001:predict")
    assert upstream.last.json == {
        "instances": [{"prompt": "a red kite"}],
        "parameters": {
            "sampleCount": 2,
            "includeRaiReason": True,
            "outputOptions": {"mimeType": "image/png"},
            "aspectRatio": "16:9",
            "sampleImageSize": "2K",
        },
    }
    assert [one.content for one in drawing.pictures] == [RED, BLUE]


def test_six_pictures_of_imagen_are_two_calls(engine, config, upstream):
    draw(engine, config(model="imagen-4.0-generate-001"), n=6)

    assert [one.json["parameters"]["sampleCount"] for one in upstream.history] == [4, 2]


@pytest.mark.parametrize(
    ("method", "model", "ending"),
    [
        ("generateContent", "my-proxy", ":generateContent"),
        ("predict", "gemini-3-pro-image", ":predict"),
        ("", "my-proxy", ":predict"),
        ("", "google/gemini-3-pro-image", ":generateContent"),
    ],
)
def test_the_method_is_configured_or_told_by_the_name(engine, config, upstream, method, model, ending):
    draw(engine, config(method=method, model=model))

    assert upstream.last.path.endswith(ending)


def test_edits_are_always_generated(engine, config, upstream):
    draw(engine, config(method="predict"), images=(picture(),))

    assert upstream.last.path.endswith(":generateContent")


def test_a_filtered_prediction_among_others_is_noticed(engine, config, upstream):
    upstream.script(predicted(RED, "filtered, code 29310472"))

    drawing = draw(engine, config(model="imagen-4.0-generate-001"), n=2)

    assert len(drawing.pictures) == 1
    assert drawing.notices[0] == "The provider's safety rules refused 1 picture. filtered, code 29310472"


@pytest.mark.parametrize("entries", [(), ("filtered, code 29310472",)])
def test_predictions_without_any_picture_were_refused(engine, config, upstream, entries):
    upstream.script(predicted(*entries))

    with pytest.raises(ContentRefused) as caught:
        draw(engine, config(model="imagen-4.0-generate-001"))

    assert caught.value.provider == "".join(entries)


def test_an_entry_with_safety_scores_is_no_picture(engine, config, upstream):
    scores = {"contentType": "Positive Prompt", "safetyAttributes": {"scores": [0.1]}}
    picture = {"mimeType": "image/png", "bytesBase64Encoded": base64.b64encode(RED).decode()}
    upstream.script(in_json({"predictions": [picture, scores]}))

    assert len(draw(engine, config(model="imagen-4.0-generate-001")).pictures) == 1


# --- refusals that come with 200 ---


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "JAILBREAK"])
def test_a_blocked_prompt_is_a_refusal_with_its_reason(engine, config, upstream, reason):
    upstream.script(blocked_prompt(reason))

    with pytest.raises(ContentRefused) as caught:
        draw(engine, config())

    assert (caught.value.provider, caught.value.retryable) == (reason, False)


@pytest.mark.parametrize(
    "reason",
    [
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "IMAGE_SOMETHING_NEW",
        "SAFETY",
        "PROHIBITED_CONTENT",
        "BLOCKLIST",
        "RECITATION",
        "SPII",
    ],
)
def test_a_blocked_output_is_a_refusal_with_its_words(engine, config, upstream, reason):
    upstream.script(finished(reason, "It was unsafe."))

    with pytest.raises(ContentRefused) as caught:
        draw(engine, config())

    assert (caught.value.provider, caught.value.retryable) == (f"{reason}: It was unsafe.", False)


@pytest.mark.parametrize(
    ("reason", "retryable"),
    [
        ("NO_IMAGE", True),
        ("IMAGE_OTHER", True),
        ("OTHER", True),
        ("MALFORMED_RESPONSE", True),
        ("MAX_TOKENS", False),
        ("PUP_LIMITED_DISABLED", False),
    ],
)
def test_no_picture_without_a_verdict(engine, config, upstream, reason, retryable):
    upstream.script(finished(reason))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert (caught.value.code, caught.value.provider, caught.value.retryable) == ("no_picture", reason, retryable)
    assert not isinstance(caught.value, ContentRefused)


def test_an_answer_in_words_shows_the_words(engine, config, upstream):
    upstream.script(said("Which kite do you mean?"))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert (caught.value.code, caught.value.provider) == ("no_picture", "Which kite do you mean?")


# --- Google's errors ---


KEY_INVALID = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}


@pytest.mark.parametrize(
    ("reply", "status", "code", "retryable", "wait"),
    [
        (error(400, "INVALID_ARGUMENT", "Bad field."), 400, "INVALID_ARGUMENT", False, None),
        (error(400, "INVALID_ARGUMENT", "Bad field.", as_list=True), 400, "INVALID_ARGUMENT", False, None),
        (error(400, "INVALID_ARGUMENT", "Bad key.", KEY_INVALID), 400, "invalid_api_key", False, None),
        (error(400, "FAILED_PRECONDITION", "No free tier."), 400, "FAILED_PRECONDITION", False, None),
        (error(401, "UNAUTHENTICATED", "Wrong credential."), 401, "UNAUTHENTICATED", False, None),
        (error(403, "PERMISSION_DENIED", "Not allowed."), 403, "PERMISSION_DENIED", False, None),
        (error(404, "NOT_FOUND", "No such model."), 404, "NOT_FOUND", False, None),
        (error(429, "RESOURCE_EXHAUSTED", "Slow.", retry_info("34.5s")), 429, "RESOURCE_EXHAUSTED", True, 34.5),
        (error(429, "RESOURCE_EXHAUSTED", "Slow."), 429, "RESOURCE_EXHAUSTED", True, None),
        (
            error(429, "RESOURCE_EXHAUSTED", "Daily.", quota_failure("GenerateRequestsPerDay"), retry_info("5s")),
            429,
            "RESOURCE_EXHAUSTED",
            False,
            5.0,
        ),
        (
            error(429, "RESOURCE_EXHAUSTED", "No.", quota_failure("PerMinute", "0")),
            429,
            "RESOURCE_EXHAUSTED",
            False,
            None,
        ),
        (error(500, "INTERNAL", "Oops."), 500, "INTERNAL", True, None),
        (error(503, "UNAVAILABLE", "Overloaded."), 503, "UNAVAILABLE", True, None),
        (error(504, "DEADLINE_EXCEEDED", "Too long."), 504, "DEADLINE_EXCEEDED", True, None),
        (in_html(502), 502, "provider_error", True, None),
    ],
)
def test_errors_keep_class_words_and_waiting_time(engine, config, upstream, reply, status, code, retryable, wait):
    upstream.script(reply)

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    raised = caught.value
    assert (raised.status, raised.code, raised.retryable, raised.retry_after) == (status, code, retryable, wait)
    assert raised.provider
    assert "AIza" not in str(raised.message_body())


def test_an_answer_that_is_not_json_is_said(engine, config, upstream):
    upstream.script(Reply(body=b"<html><title>Welcome</title></html>"))

    with pytest.raises(ProviderError) as caught:
        draw(engine, config())

    assert (caught.value.code, caught.value.provider) == ("invalid_answer", "Welcome")


# --- what cannot be said ---


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"images": (picture(),), "mask": picture(alpha=True)}, "mask"),
        ({"negative_prompt": "rain"}, "negative_prompt"),
        ({"steps": 20}, "steps"),
        ({"size": "1000x700"}, "size"),
        ({"seed": 2**31}, "seed"),
        ({"params": {"quality": "high"}}, "quality"),
        ({"params": {"personGeneration": "ALLOW_ALL"}}, "personGeneration"),
    ],
)
def test_a_request_that_cannot_be_said_is_refused_before_any_call(engine, config, upstream, wish, param):
    with pytest.raises(BadRequest) as caught:
        draw(engine, config(), **wish)

    assert caught.value.param == param
    assert upstream.history == []


def test_a_model_name_cannot_lead_elsewhere(engine, config, upstream):
    draw(engine, config(method="generateContent"), model="../../admin?x=1#")

    assert upstream.last.raw_path == "/v1beta/models/..%2F..%2Fadmin%3Fx%3D1%23:generateContent"


# --- the rest ---


def test_cancelling_between_two_calls_ends_the_run(engine, config, upstream):
    upstream.script(drew(RED), Reply(before=[Gate()]))
    run = Run()
    from imagegen.image_request import ImageRequest

    events = engine.generate(config(), ImageRequest(prompt="a red kite", n=2), run)
    next(event for event in events if type(event).__name__ == "Picture")
    run.cancel()

    with pytest.raises(Cancelled):
        list(events)


def test_the_model_list_is_read_page_by_page(engine, config, upstream):
    upstream.gemini.models = [{"name": f"models/text-{number}"} for number in range(3)]
    upstream.gemini.models += [
        {"name": "models/gemini-3-pro-image", "displayName": "Gemini 3 Pro Image"},
        {"name": "models/veo-9", "supportedGenerationMethods": ["predict"]},
    ]
    upstream.gemini.page_size = 2

    assert [(one.id, one.name) for one in engine.models(config())] == [
        ("gemini-3-pro-image", "Gemini 3 Pro Image"),
        ("veo-9", ""),
    ]
    assert engine.check(config(model="gemini-3-pro-image")).words == "5 models, 2 of them for pictures."


def test_checking_a_wrong_key_says_so(engine, config, upstream):
    upstream.gemini.key = "another"

    with pytest.raises(ProviderError) as caught:
        engine.check(config())

    assert caught.value.code == "invalid_api_key"
