"""The reader of provider answers: every variation of real servers, without a socket."""

import json

import pytest

from chat.answers.reader import read
from providers.errors import ContentRefused, ProviderError


async def collect(*chunks):
    """`(content, reasoning, usage, images, error)` of an answer that arrives in these chunks."""

    async def source():
        for chunk in chunks:
            yield chunk if isinstance(chunk, bytes) else chunk.encode()

    content, reasoning, usage, images, error = "", "", None, [], None
    try:
        async for piece in read(source()):
            content += piece.content
            reasoning += piece.reasoning
            usage = piece.usage or usage
            images += piece.images
    except ProviderError as problem:
        error = problem
    return content, reasoning, usage, images, error


def frame(delta=None, finish=None, **more):
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta or {}, 'finish_reason': finish}], **more})}\n\n"


DONE = "data: [DONE]\n\n"


async def test_a_stream_becomes_its_text():
    content, reasoning, usage, _, error = await collect(
        frame({"role": "assistant", "content": ""}),
        frame({"content": "Bl"}) + frame({"content": "ue."}),
        frame(finish="stop"),
        'data: {"choices": [], "usage": {"total_tokens": 3}}\n\n',
        DONE,
    )

    assert (content, reasoning, usage, error) == ("Blue.", "", {"total_tokens": 3}, None)


async def test_the_end_of_the_body_ends_the_stream_as_well_as_done():
    content, *_, error = await collect(frame({"content": "Blue."}, finish="stop"))

    assert (content, error) == ("Blue.", None)


async def test_an_end_without_finish_reason_is_cut_off_whatever_done_says():
    content, *_, error = await collect(frame({"content": "Bl"}), DONE)

    assert content == "Bl"
    assert (error.code, error.retryable) == ("cut_off", True)


async def test_a_stream_without_any_line_is_a_failure():
    *_, error = await collect()

    assert error.code == "empty_stream"


async def test_usage_counts_in_any_chunk():
    *_, usage, _images, error = await collect(frame({"content": "a"}, finish="stop", usage={"total_tokens": 9}))

    assert (usage, error) == ({"total_tokens": 9}, None)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ('data: {"error": {"message": "overloaded", "code": "server_is_overloaded"}}\n\n', "overloaded"),
        ('data: {"error": "text alone"}\n\n', "text alone"),
        ('event: error\ndata: {"message": "named event"}\n\n', "named event"),
        ('data: {"detail": "no such thing"}\n\n', "no such thing"),
        ('data: {"object": "error", "message": "context too long"}\n\n', "context too long"),
    ],
)
async def test_an_error_frame_keeps_the_providers_words_and_the_text_before(sent, words):
    content, *_, error = await collect(frame({"content": "Bl"}), sent)

    assert content == "Bl"
    assert error.provider == words


async def test_reasoning_comes_under_each_name_servers_give_it():
    _, reasoning, *_, error = await collect(
        frame({"reasoning_content": "a"}),
        frame({"reasoning": "b"}),
        frame({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "c"}]}]}),
        frame({"content": "done"}, finish="stop"),
    )

    assert (reasoning, error) == ("abc", None)


async def test_thinking_in_tags_is_reasoning():
    content, reasoning, *_, error = await collect(
        frame({"content": "<thi"}), frame({"content": "nk>hm</think>\n\nBlue."}), frame(finish="stop")
    )

    assert (content, reasoning, error) == ("Blue.", "hm", None)


async def test_content_may_be_a_list_of_parts():
    parts = [
        {"type": "text", "text": "Bl"},
        {"type": "text", "text": "ue"},
        {"type": "image_url", "image_url": {"url": "data:x"}},
    ]

    content, _, _, images, error = await collect(frame({"content": parts}, finish="stop"))

    assert (content, images, error) == ("Blue", ["data:x"], None)


async def test_pictures_of_the_model_are_handed_on_and_are_an_answer():
    images = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]

    *_, found, error = await collect(frame({"images": images}), frame(finish="stop"))

    assert (found, error) == (["data:image/png;base64,AA"], None)


async def test_bare_base64_is_a_picture_too():
    parts = [{"type": "image_generation_call", "result": "AA"}, {"type": "image", "b64_json": "BB"}]

    *_, found, error = await collect(frame({"content": parts}, finish="stop"))

    assert (found, error) == (["data:image/png;base64,AA", "data:image/png;base64,BB"], None)


def event(kind, **more):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n"


async def test_an_answer_in_the_form_of_the_responses_api_is_understood():
    content, reasoning, usage, images, error = await collect(
        event("response.created", response={"status": "in_progress", "error": None}),
        event("response.reasoning_summary_part.added", summary_index=0),
        event("response.reasoning_summary_text.delta", delta="**One**\n\nhm"),
        event("response.reasoning_summary_part.added", summary_index=1),
        event("response.reasoning_summary_text.delta", delta="**Two**"),
        event("response.output_item.done", item={"type": "image_generation_call", "result": "AA"}),
        event("response.output_text.delta", delta="Bl") + event("response.output_text.delta", delta="ue."),
        event("response.output_text.done", text="Blue."),
        event("response.completed", response={"status": "completed", "usage": {"total_tokens": 3}, "error": None}),
    )

    assert (content, reasoning, images) == ("Blue.", "**One**\n\nhm\n\n**Two**", ["data:image/png;base64,AA"])
    assert (usage, error) == ({"total_tokens": 3}, None)


async def test_and_so_is_a_whole_one():
    message = {"type": "message", "content": [{"type": "output_text", "text": "Blue."}]}
    picture = {"type": "image_generation_call", "result": "AA"}
    whole = {"object": "response", "status": "completed", "output": [picture, message], "usage": {"total_tokens": 3}}

    content, _, usage, images, error = await collect(json.dumps(whole))

    assert (content, usage, images) == ("Blue.", {"total_tokens": 3}, ["data:image/png;base64,AA"])
    assert error is None


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (event("response.failed", response={"error": {"message": "no", "code": "server_error"}}), "server_error"),
        (event("response.incomplete", response={"status": "incomplete"}), "length"),
        (event("response.created", response={}), "cut_off"),
    ],
)
async def test_how_such_an_answer_may_end(ending, code):
    *_, error = await collect(ending)

    assert error.code == code


async def test_a_refusal_is_the_answer():
    content, *_, error = await collect(frame({"refusal": "I will not."}), frame(finish="stop"))

    assert (content, error) == ("I will not.", None)


async def test_an_answer_of_tool_calls_alone_says_which_tools():
    call = {"index": 0, "id": "c1", "function": {"name": "get_weather", "arguments": "{}"}}

    *_, error = await collect(frame({"tool_calls": [call]}), frame(finish="tool_calls"))

    assert error.code == "tool_calls_only"
    assert "get_weather" in error.message


async def test_a_budget_eaten_by_reasoning_is_said():
    *_, error = await collect(frame({"reasoning_content": "hm"}), frame(finish="length"))

    assert error.code == "length"


async def test_safety_rules_that_end_an_answer_are_a_refusal():
    content, *_, error = await collect(frame({"content": "Bl"}), frame(finish="content_filter"))

    assert content == "Bl"
    assert isinstance(error, ContentRefused)


async def test_nothing_said_is_a_failure():
    *_, error = await collect(frame({"content": ""}, finish="stop"))

    assert error.code == "empty_answer"


async def test_a_server_that_does_not_stream_is_understood():
    body = {"choices": [{"index": 0, "message": {"content": "<think>hm</think>Blue."}}], "usage": {"total_tokens": 4}}

    content, reasoning, usage, _, error = await collect("  ", json.dumps(body)[:20], json.dumps(body)[20:])

    assert (content, reasoning, usage, error) == ("Blue.", "hm", {"total_tokens": 4}, None)


@pytest.mark.parametrize(
    "garbage", ["<html><title>Bad gateway</title></html>", "data: {not json\n\n", 'data: "text"\n\n', "[1]"]
)
async def test_garbage_is_said_to_be_garbage(garbage):
    *_, error = await collect(garbage)

    assert error.code == "invalid_answer"


async def test_a_body_that_is_neither_frames_nor_json_is_no_answer():
    *_, error = await collect("Service under maintenance")

    assert (error.code, error.provider) == ("invalid_answer", "Service under maintenance")


async def test_comments_alone_are_no_answer():
    *_, error = await collect(": processing\n\n", ": processing\n\n")

    assert error.code == "empty_stream"


async def test_other_choices_are_left_alone():
    second = {"choices": [{"index": 1, "delta": {"content": "x"}, "finish_reason": "stop"}]}

    content, *_ = await collect(frame({"content": "a"}), f"data: {json.dumps(second)}\n\n", frame(finish="stop"))

    assert content == "a"


async def test_a_frame_of_megabytes_in_small_pieces_is_read():
    whole = frame({"content": "x" * 2_000_000}, finish="stop").encode()

    content, *_, error = await collect(*(whole[at : at + 65536] for at in range(0, len(whole), 65536)))

    assert (len(content), error) == (2_000_000, None)


async def test_a_character_in_two_halves_is_put_together():
    first, second = (
        f'data: {{"choices": [{{"delta": {{"content": "{half}"}}}}]}}\n\n' for half in ("a\\ud83d", "\\ude00b")
    )

    content, *_, error = await collect(first, second, frame(finish="stop"))

    assert (content, error) == ("a😀b", None)


async def test_half_a_character_alone_is_replaced():
    content, *_ = await collect('data: {"choices": [{"delta": {"content": "a\\ude00"}}]}\n\n', frame(finish="stop"))

    assert content == "a\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("delta", ["text", 5, ["x"]])
async def test_a_delta_of_the_wrong_form_is_no_crash(delta):
    body = json.dumps({"choices": [{"delta": delta, "finish_reason": "stop"}, "nonsense"]})

    *_, error = await collect(f"data: {body}\n\n")

    assert error.code == "empty_answer"


# --- answers that end badly, streams that are nearly right ------------------------------------------------------------

BAD_ENDS = [
    "error",
    "network_error",
    "insufficient_system_resource",
    "model_context_window_exceeded",
    "sensitive",
    "abort",
]


@pytest.mark.parametrize("word", BAD_ENDS)
async def test_another_end_is_a_failure_that_keeps_the_text_and_the_word(word):
    for chunks in (
        [frame({"content": "Bl"}), frame(finish=word), DONE],
        [json.dumps({"choices": [{"message": {"content": "Bl"}, "finish_reason": word}]})],
    ):
        content, *_, error = await collect(*chunks)
        assert content == "Bl"
        assert (error.code, error.provider) == ("ended_early", word)
        assert error.retryable is (word != "model_context_window_exceeded")


@pytest.mark.parametrize("word", ["stop", "tool_calls", "function_call"])
async def test_the_ordinary_ends_are_no_failure(word):
    content, *_, error = await collect(frame({"content": "Blue."}), frame(finish=word), DONE)
    assert (content, error) == ("Blue.", None)


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([frame({"content": "Bl"}), 'data: {"choices":[{"delta":{},"error":{"message":"GPU lost"}}]}\n\n'], "GPU lost"),
        (['data: {"base_resp":{"status_code":1008,"status_msg":"insufficient balance"},"choices":null}\n\n'],
         "insufficient balance"),
        (['{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"},"choices":null}'],
         "insufficient balance"),
        (['{"choices":[],"error":{"message":"No credit"}}'], "No credit"),
        (['data: {"errorCode":17,"errorMsg":"No credit"}\n\n'], "No credit"),
        ([frame({"content": "Bl"}), frame({}, base_resp={"status_code": 1002, "status_msg": "rate limit"})],
         "rate limit"),
        ([frame({"content": "Bl"}).removesuffix("\n"), "error: Worker died\n\n"], "Worker died"),
        ([frame({"content": "Bl"}), 'error: {"code": 500, "message": "Worker died"}\n\n'], "Worker died"),
    ],
)  # fmt: skip
async def test_an_error_inside_an_answer_is_shown_in_the_providers_words(chunks, words):
    *_, error = await collect(*chunks)
    assert words in error.provider


SAME = json.dumps({"choices": [{"delta": {"content": "Blue."}, "message": {"role": "assistant", "content": "Blue."}}]})
WHOLE = json.dumps({"choices": [{"delta": {}, "message": {"content": "Blue."}, "finish_reason": "stop"}]})
A = json.dumps({"choices": [{"delta": {"content": "Blu"}}]})
B = json.dumps({"choices": [{"delta": {"content": "e."}, "finish_reason": "stop"}]})


FIRST = frame({"role": "assistant", "content": ""})
EMPTY_END = json.dumps({"choices": [{"delta": {"content": "e."}, "finish_reason": ""}]})


def message(content, finish=None):
    return f"data: {json.dumps({'choices': [{'message': {'content': content}, 'finish_reason': finish}]})}\n\n"


@pytest.mark.parametrize(
    "stream",
    [
        f"data: {A}\ndata: {B}\n",
        f"data: {A}\ndata: {B}\ndata: [DONE]\n",
        f"data: {A}\n\ndata: ping\n\ndata: {B}\n\ndata: keep-alive\n\ndata: [DONE]\n\n",
        f"data: {A}\ndata: ping\ndata: {B}\n\n",
        f"data: {A}\n\ndata: {B}\ndata: [DONE]\n\n",
        f"data: ping\ndata: ping\ndata: {A}\ndata: {B}\n\n",
        f"event: message\ndata: {A}\nevent: message\ndata: {B}\nevent: done\ndata: [DONE]\n",
        f'data: {A[:-1]}, "cost": NaN}}\ndata: {B}\n\n',
        f"data: [heartbeat]\n\ndata: {A}\n\ndata: {{ping}}\n\ndata: <ping>\n\ndata: {B}\n\n",
        f"data: {SAME}\n\ndata: {WHOLE}\n\n",
        f"data: {A}\n\ndata: {B}\n\ndata: {WHOLE}\n\n",
        f"data: {WHOLE}\n\n",
        f"{FIRST}data: {WHOLE}\n\n",
        f"{FIRST}{message('Blu')}{message('Blue.')}{message('Blue.', 'stop')}",
        f"{message('Blu')}{message('e.', 'stop')}",
        f"data: {A}\n\ndata: {EMPTY_END}\n\ndata: [DONE]\n\n",
        f"\ufeff{WHOLE}",
        f"\ufeffdata: {A}\n\ndata: {B}\n\n",
        "data: ping\n\n" * 9 + f"data: {A}\n\n" + "data: ping\n\n" * 9 + f"data: {B}\n\n",
    ],
)
async def test_a_stream_that_is_nearly_right_says_its_text_once(stream):
    for chunks in ([stream], list(stream)):
        content, *_, error = await collect(*chunks)
        assert (content, error) == ("Blue.", None)


@pytest.mark.parametrize(
    "last",
    [
        {"choices": [{"delta": {"content": "ue."}}], "error": {"message": "GPU lost"}},
        {"choices": [{"delta": {"content": "ue."}, "error": {"message": "GPU lost"}}]},
        {"choices": [{"delta": {"content": "ue."}}], "base_resp": {"status_code": 1002, "status_msg": "GPU lost"}},
        {"choices": [{"delta": {"content": "ue."}, "finish_reason": "error"}], "error": "GPU lost"},
    ],
)
async def test_text_in_the_frame_of_an_error_is_kept(last):
    content, *_, error = await collect(frame({"content": "Bl"}), f"data: {json.dumps(last)}\n\n")
    assert (content, error.provider) == ("Blue.", "GPU lost")


async def test_a_code_of_success_is_no_error():
    success = {"base_resp": {"status_code": 0, "status_msg": "success"}}
    content, *_, error = await collect(
        f"data: {json.dumps(success)}\n\n", frame({"content": "Blue."}, finish="stop", **success), DONE
    )
    assert (content, error) == ("Blue.", None)


@pytest.mark.parametrize("member", ["reasoning_content", "tool"])
async def test_half_a_character_outside_the_text_is_replaced(member):
    call = {"index": 0, "id": "c\ud83d", "function": {"name": "draw", "arguments": '{"prompt": "\ud83d"}'}}
    delta = {"tool_calls": [call]} if member == "tool" else {member: "a\ud83d"}
    pieces = []

    async def source():
        yield frame({**delta, "reasoning_details": [{"text": "b\ude00"}]}).encode()
        yield frame({"content": "Blue."}, finish="stop").encode()

    async for piece in read(source(), may_call=True):
        pieces.append((piece.content, piece.reasoning, piece.calls))
    json.dumps(pieces, ensure_ascii=False).encode()  # nothing that cannot be sent to a provider or stored


async def test_an_event_named_after_its_data_belongs_to_it():
    *_, error = await collect('data: {"message": "GPU lost"}\nevent: error\n\n')
    assert error.provider == "GPU lost"


@pytest.mark.parametrize("stream", ["data: ping\n\n" * 10 + f"data: {A}\n\n", "data: Internal Server Error\n\n"])
async def test_signs_of_life_without_an_answer_are_no_answer(stream):
    *_, error = await collect(stream)
    assert error.code == "invalid_answer"


async def test_reasoning_details_alone_are_shown_as_reasoning():
    details = [
        {"type": "reasoning.summary", "summary": "Sky"},
        {"type": "reasoning.text", "text": " is"},
        {"data": "x"},
    ]
    content, reasoning, *_ = await collect(
        frame({"reasoning_details": details}), frame({"content": "Blue."}, finish="stop")
    )
    assert (content, reasoning) == ("Blue.", "Sky is")


async def test_text_before_a_tag_that_nobody_opened_was_reasoning():
    async def source():
        for text in ("Okay", ", think", "ing.</thi", "nk>\n\nThe ", "answer"):
            yield frame({"content": text}).encode()
        yield frame(finish="stop").encode()

    content, reasoning = "", ""
    async for piece in read(source()):
        if piece.was_reasoning:
            content, reasoning = "", reasoning + content
        content, reasoning = content + piece.content, reasoning + piece.reasoning
    assert (content, reasoning) == ("The answer", "Okay, thinking.")


@pytest.mark.parametrize("thoughts", [["The", "The sky", "The sky", "The sky"], ["The", " sky", "", ""]])
async def test_reasoning_of_growing_messages_comes_once(thoughts):
    texts, ends = ["", "", "Blu", "Blue."], [None, None, None, "stop"]
    frames = [
        json.dumps({"choices": [{"message": {"content": text, "reasoning_content": thought}, "finish_reason": end}]})
        for text, thought, end in zip(texts, thoughts, ends, strict=True)
    ]
    content, reasoning, _, _, error = await collect(*(f"data: {data}\n\n" for data in frames), DONE)
    assert (content, reasoning, error) == ("Blue.", "The sky", None)
