"""The AUTOMATIC1111 engine over real sockets: requests, pictures, progress, cancelling, errors."""

import base64
import io
import threading
from typing import Any, ClassVar

import pytest
import requests
from PIL import Image

from imagegen.engines.automatic1111 import Automatic1111
from imagegen.engines.base import Cancelled, EngineConfig, Run
from imagegen.engines.events import Notice, Picture, Progress
from imagegen.image_request import ImageRequest, InputPicture
from providers.errors import BadRequest, ConfigurationError, ProviderError, UpstreamTimeout
from tests.imagegen.drawing import eventually, too_late_at
from tests.upstream import Gate, in_json, in_text
from tests.upstream.pictures import png


class Engine(Automatic1111):
    poll_seconds: ClassVar[float] = 0.01


ENGINE = Engine()


@pytest.fixture
def a1111(upstream):
    return upstream.automatic1111


@pytest.fixture
def config(upstream):
    return EngineConfig(url=upstream.origin)


def wish(**values: Any) -> ImageRequest:
    return ImageRequest(**{"prompt": "a boat", "size": "64x64", "steps": 4, **values})


def picture(width: int = 64, height: int = 64) -> InputPicture:
    return InputPicture(png(width, height), "image/png", width, height)


def draw(config: EngineConfig, request: ImageRequest | None = None, run: Run | None = None) -> list[Any]:
    return list(ENGINE.generate(config, request or wish(), run or Run(id="job")))


def pictures(events: list[Any]) -> list[Picture]:
    return [event for event in events if isinstance(event, Picture)]


def notices(events: list[Any]) -> str:
    return " ".join(event.text for event in events if isinstance(event, Notice))


def size(content: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(content)).size


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_a_prompt_becomes_a_picture_with_its_seed_and_model(config, upstream):
    (drawn,) = pictures(draw(config, wish(negative_prompt="blurry", seed=7)))

    assert size(drawn.content) == (64, 64)
    assert (drawn.content_type, drawn.seed, drawn.model) == ("image/png", 7, "base")
    assert drawn.provenance["sampler_name"] == "Euler"
    sent = upstream.asked("/txt2img")[0].json
    assert sent.pop("force_task_id").startswith("task(job-")
    assert sent == {
        "prompt": "a boat",
        "negative_prompt": "blurry",
        "seed": 7,
        "steps": 4,
        "width": 64,
        "height": 64,
        "batch_size": 1,
        "n_iter": 1,
    }


def test_what_nobody_chose_gets_sensible_values(config, upstream):
    draw(config, ImageRequest(prompt="a boat"))
    sent = upstream.asked("/txt2img")[0].json
    assert (sent["steps"], sent["width"], sent["height"], sent["seed"]) == (25, 512, 512, -1)
    assert "negative_prompt" not in sent
    assert "override_settings" not in sent


def test_the_administrators_parameters_are_merged_last(config, upstream):
    config = EngineConfig(url=upstream.origin, params={"steps": 3, "sampler_name": "Euler a", "n_iter": 2})
    drawn = pictures(draw(config, wish(params={"sampler_name": "Euler", "cfg_scale": 5})))
    sent = upstream.asked("/txt2img")[0].json
    assert (sent["steps"], sent["sampler_name"], sent["cfg_scale"]) == (3, "Euler a", 5)
    assert len(drawn) == 2


@pytest.mark.parametrize(
    "name", ["override_settings", "script_name", "save_images", "alwayson_scripts", "steps", "infotext"]
)
def test_a_request_cannot_reach_what_belongs_to_the_administrator(config, upstream, name):
    with pytest.raises(BadRequest) as caught:
        ENGINE.prepare(config, wish(params={name: 1}))
    assert (caught.value.param, caught.value.code) == (name, "not_supported")
    assert upstream.history == []


def test_the_checkpoint_goes_with_the_call_and_never_into_the_global_options(config, upstream, a1111):
    (drawn,) = pictures(draw(config, wish(model="anime")))

    sent = upstream.asked("/txt2img")[0].json
    assert sent["override_settings"] == {"sd_model_checkpoint": "anime"}
    assert sent["override_settings_restore_afterwards"] is True
    assert drawn.model == "anime"
    assert upstream.asked("/options", "POST") == []
    assert a1111.options == {"sd_model_checkpoint": "base.safetensors [abcd1234]"}


@pytest.mark.parametrize("name", ["base", "base.safetensors [abcd1234]", "base.safetensors"])
def test_a_checkpoint_is_known_by_name_title_or_file_and_sent_by_name(config, upstream, name):
    draw(config, wish(model=name))
    assert upstream.asked("/txt2img")[0].json["override_settings"] == {"sd_model_checkpoint": "base"}


def test_a_checkpoint_that_the_server_would_ignore_is_refused_before_drawing(config, upstream):
    with pytest.raises(BadRequest) as caught:
        draw(config, wish(model="Base"))
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert "base, anime" in caught.value.message
    assert upstream.asked("/txt2img") == []

    with pytest.raises(ConfigurationError):
        draw(EngineConfig(url=upstream.origin, model="gone"))


def test_options_that_would_stay_changed_for_everybody_are_not_sent(config, upstream, a1111):
    params = {"override_settings": {"samples_format": "jpg", "sd_vae": "x"}}
    draw(EngineConfig(url=upstream.origin, params=params), wish(model="anime"))
    sent = upstream.asked("/txt2img")[0].json["override_settings"]
    assert sent == {"sd_model_checkpoint": "anime", "sd_vae": "x"}
    assert "samples_format" not in a1111.options


@pytest.mark.parametrize(("asked", "drawn"), [("100x70", (104, 72)), ("67x68", (64, 72)), ("512x64", (512, 64))])
def test_sides_are_rounded_here_and_said(config, upstream, asked, drawn):
    events = draw(config, wish(size=asked))
    assert size(pictures(events)[0].content) == drawn
    assert (f"{drawn[0]}x{drawn[1]} instead of {asked}" in notices(events)) == (asked != f"{drawn[0]}x{drawn[1]}")


def test_an_input_picture_means_img2img_in_its_own_size(config, upstream):
    (drawn,) = pictures(draw(config, wish(size="", images=(picture(96, 70),))))
    sent = upstream.asked("/img2img")[0].json
    assert base64.b64decode(sent["init_images"][0]) == png(96, 70)
    assert (sent["width"], sent["height"], sent["denoising_strength"]) == (96, 72, 0.75)
    assert "mask" not in sent
    assert size(drawn.content) == (96, 72)


def test_a_masks_transparent_part_becomes_white(config, upstream):
    mask = InputPicture(png(64, 64, alpha=True), "image/png", 64, 64)  # the left half is transparent
    draw(config, wish(images=(picture(),), mask=mask))
    sent = upstream.asked("/img2img")[0].json
    with Image.open(io.BytesIO(base64.b64decode(sent["mask"]))) as sent_mask:
        assert sent_mask.mode == "L"
        assert (sent_mask.getpixel((0, 0)), sent_mask.getpixel((63, 0))) == (255, 0)
    assert (sent["inpainting_fill"], sent["inpaint_full_res"]) == (1, False)


def test_two_input_pictures_are_refused_because_the_server_would_draw_each_alone(config):
    with pytest.raises(BadRequest, match="at most 1"):
        draw(config, wish(images=(picture(), picture())))


@pytest.mark.parametrize(("secret", "header"), [("ann:se:cret", "Basic YW5uOnNlOmNyZXQ="), ("", None)])
def test_basic_authentication(config, upstream, a1111, secret, header):
    a1111.auth = secret
    draw(EngineConfig(url=upstream.origin, secret=secret))
    assert {one.headers.get("Authorization") for one in upstream.history} == {header}


def test_a_key_without_a_colon_is_explained(upstream):
    with pytest.raises(ConfigurationError, match="user:password"):
        draw(EngineConfig(url=upstream.origin, secret="sk-1"))


def test_a_path_in_the_address_is_kept(upstream):
    draw(EngineConfig(url=f"{upstream.origin}/sd/one"))
    assert upstream.asked("/sd/one/sdapi/v1/txt2img")


def test_forge_gets_what_hires_needs(upstream, a1111):
    a1111.forge = True
    draw(EngineConfig(url=upstream.origin, params={"enable_hr": True}))
    assert upstream.asked("/txt2img")[0].json["hr_additional_modules"] == ["Use same choices"]


# --- what comes back --------------------------------------------------------------------------------------------------


def test_several_pictures_have_a_seed_each(config):
    drawn = pictures(draw(config, wish(n=3, seed=5)))
    assert [one.seed for one in drawn] == [5, 6, 7]
    assert len({one.content for one in drawn}) == 3


def test_the_grid_in_front_and_the_maps_behind_are_left_out(upstream, a1111):
    a1111.forge = True
    params = {"save_images": True, "alwayson_scripts": {"ControlNet": {"args": []}}}
    drawn = pictures(draw(EngineConfig(url=upstream.origin, params=params), wish(n=2)))
    assert [size(one.content) for one in drawn] == [(64, 64), (64, 64)]


def test_fewer_pictures_than_requested_are_counted_by_the_pictures(config, upstream):
    info = '{"all_seeds": [1, 2, 3], "index_of_first_image": 0}'
    image = base64.b64encode(png()).decode()
    upstream.script(in_json({"images": [image], "parameters": {}, "info": info}), path="/txt2img")
    events = draw(config, wish(n=3))
    assert [one.seed for one in pictures(events)] == [1]
    assert "1 of 3" in notices(events)


@pytest.mark.parametrize(
    "info",
    [
        '{"all_seeds": [7], "cfg_scale": NaN, "eta": Infinity}',
        '{"all_seeds": [7], "prompt": "half: \\ud83d"}',
        {"all_seeds": [7]},
    ],
)
def test_the_seed_is_read_out_of_info_that_is_not_quite_json(config, upstream, info):
    image = base64.b64encode(png(64, 64)).decode()
    upstream.script(in_json({"images": [image], "info": info}), path="/txt2img")

    assert [one.seed for one in pictures(draw(config))] == [7]


@pytest.mark.parametrize("info", [None, "", "no json", "[]", '{"all_seeds": null, "index_of_first_image": "x"}'])
def test_strange_info_costs_the_seed_and_nothing_else(config, upstream, info):
    image = base64.b64encode(png()).decode()
    upstream.script(in_json({"images": [image], "info": info}), path="/txt2img")
    (drawn,) = pictures(draw(config))
    assert drawn.seed is None


def test_another_model_than_asked_for_is_told(config, upstream):
    image = base64.b64encode(png()).decode()
    upstream.script(in_json({"images": [image], "info": '{"sd_model_name": "other"}'}), path="/txt2img")
    events = draw(config, wish(model="anime"))
    assert "Drawn with other" in notices(events)
    assert pictures(events)[0].model == "other"


@pytest.mark.parametrize(
    "answer",
    [
        in_text("<html>hello</html>"),
        in_json({"images": None}),
        in_json([]),
        in_json({"images": ["%%%"], "info": "{}"}),
        in_json({"images": [base64.b64encode(b"hello" * 600).decode()], "info": "{}"}),
    ],
)
def test_an_answer_that_is_none_is_an_error(config, upstream, answer):
    upstream.script(answer, path="/txt2img")
    with pytest.raises(ProviderError) as caught:
        draw(config)
    assert caught.value.code == "invalid_answer"


def test_no_picture_is_an_error(upstream):
    with pytest.raises(ProviderError) as caught:
        draw(EngineConfig(url=upstream.origin, params={"send_images": False}))
    assert caught.value.code == "no_picture"


# --- progress ---------------------------------------------------------------------------------------------------------


def collect(config: EngineConfig, request: ImageRequest, run: Run, gates: dict[int, Gate]) -> list[Any]:
    """The events of a run whose gates open one by one, each after an event that was sent while it stood there."""
    waiting = [gates[step] for step in sorted(gates)]
    events: list[Any] = []
    for event in ENGINE.generate(config, request, run):
        events.append(event)
        if waiting and waiting[0].reached and isinstance(event, Progress) and event.fraction is not None:
            waiting.pop(0).open()
    return events


def test_progress_and_previews_come_from_our_own_task(config, upstream, a1111):
    a1111.gates = {2: Gate(), 4: Gate()}
    events = collect(config, wish(), Run(id="job"), a1111.gates)

    steps = [event for event in events if isinstance(event, Progress)]
    fractions = [event.fraction for event in steps if event.fraction is not None]
    assert fractions == sorted(fractions)
    assert {(event.step, event.total) for event in steps} >= {(2, 4), (4, 4)}
    previews = [event for event in steps if event.preview]
    assert previews
    assert all(size(event.preview) == (16, 16) and event.preview_type == "image/png" for event in previews)
    asked = upstream.asked("/internal/progress")[0].json
    assert asked["id_task"] == upstream.asked("/txt2img")[0].json["force_task_id"]
    assert {one.query["skip_current_image"] for one in upstream.asked("/sdapi/v1/progress")} == {"true"}


@pytest.mark.parametrize("alone", ["", "yes"])
def test_without_the_web_ui_a_picture_on_the_way_is_shown_only_if_it_must_be_ours(upstream, a1111, alone):
    a1111.web_ui = False
    a1111.gates = {2: Gate()}
    config = EngineConfig(url=upstream.origin, options={"sole_user": alone})
    events = collect(config, wish(), Run(), a1111.gates)
    assert any(isinstance(event, Progress) and event.step == 2 for event in events)
    assert any(isinstance(event, Progress) and event.preview for event in events) == (alone == "yes")


def test_a_server_that_will_not_tell_its_progress_still_draws(config, upstream, a1111):
    gate = Gate()
    a1111.gates = {2: gate}

    def broken(received):
        gate.open()
        return in_text("oops", 500)

    upstream.always(broken, path="/internal/progress", method="POST")
    assert len(pictures(draw(config))) == 1


@pytest.fixture
def somebody(upstream, a1111):
    """Another client's picture, which runs and stands at its first step until the gate opens."""
    gate = Gate()
    a1111.gates = {1: gate}
    body = {"prompt": "theirs", "steps": 1, "width": 64, "height": 64, "force_task_id": "task(theirs)"}
    answers: list[Any] = []
    thread = threading.Thread(
        target=lambda: answers.append(requests.post(f"{upstream.origin}/sdapi/v1/txt2img", json=body, timeout=30))
    )
    thread.start()
    gate.wait()
    a1111.gates = {}
    gate.answers = answers
    yield gate
    gate.open()
    thread.join()


def test_waiting_behind_others_is_told_as_a_queue(config, a1111, somebody):
    events = []
    for event in ENGINE.generate(config, wish(), Run()):
        events.append(event)
        if isinstance(event, Progress) and event.queue:
            somebody.open()
    assert any(isinstance(event, Progress) and event.queue == 1 for event in events)
    assert len(pictures(events)) == 1


# --- cancelling -------------------------------------------------------------------------------------------------------


def cancelled_at(config: EngineConfig, gate: Gate, run: Run) -> None:
    """Draw, and cancel from another thread when the upstream stands at the gate."""

    def cancel() -> None:
        gate.wait()
        run.cancel()

    threading.Thread(target=cancel).start()
    with pytest.raises(Cancelled):
        draw(config, wish(), run)


def test_cancelling_interrupts_our_running_picture(config, upstream, a1111):
    gate = Gate()
    a1111.gates = {3: gate}
    cancelled_at(config, gate, Run(id="job"))

    assert len(upstream.asked("/interrupt")) == 1
    assert a1111.interrupted
    gate.open()
    upstream.asked("/txt2img")[0].wait_done()
    assert a1111.runs[0].step == 3


def test_closing_the_generator_early_interrupts_too(config, upstream, a1111):
    gate = Gate()
    a1111.gates = {3: gate}
    events = ENGINE.generate(config, wish(), Run())
    assert isinstance(next(events), Progress)
    events.close()
    assert len(upstream.asked("/interrupt")) == 1
    gate.open()


def test_a_picture_of_ours_that_still_waits_is_stopped_when_it_begins_and_nobody_elses_is(
    config, upstream, a1111, somebody
):
    run = Run()
    a1111.gates = {2: Gate()}
    events = ENGINE.generate(config, wish(), run)
    assert next(event.queue for event in events if isinstance(event, Progress) and event.queue) == 1
    run.cancel()
    with pytest.raises(Cancelled):
        next(events)
    assert upstream.asked("/interrupt") == []

    somebody.open()
    a1111.gates[2].wait()
    upstream.wait_for("/interrupt")
    a1111.gates[2].open()
    for thread in threading.enumerate():
        if thread.name.startswith("stop "):
            thread.join()
    eventually(lambda: [run.state for run in a1111.runs] == ["done", "interrupted"])


@pytest.mark.parametrize(("alone", "interrupts"), [("", 0), ("yes", 1)])
def test_without_tasks_nothing_is_interrupted_that_may_be_somebody_elses(upstream, a1111, alone, interrupts):
    a1111.web_ui = False
    gate = Gate()
    a1111.gates = {3: gate}
    cancelled_at(EngineConfig(url=upstream.origin, options={"sole_user": alone}), gate, Run())
    assert len(upstream.asked("/interrupt")) == interrupts
    gate.open()


def test_cancelling_a_task_that_has_ended_does_no_harm(config, upstream):
    upstream_ids: list[str] = []
    draw(config, run=Run(started=upstream_ids.append))
    ENGINE.cancel(config, upstream_ids[0])
    assert upstream.asked("/interrupt") == []


def test_a_picture_that_takes_too_long_is_interrupted_and_not_to_be_sent_again(upstream, a1111):
    gate = Gate()
    a1111.gates = {3: gate}
    run = Run()
    too_late_at(gate, run)
    with pytest.raises(UpstreamTimeout) as caught:
        draw(EngineConfig(url=upstream.origin), run=run)
    assert not caught.value.retryable
    assert len(upstream.asked("/interrupt")) == 1
    gate.open()


# --- lists ------------------------------------------------------------------------------------------------------------


def test_models_are_listed_by_the_name_that_does_not_change(config):
    assert [one.id for one in ENGINE.models(config)] == ["base", "anime"]
    assert "2" in ENGINE.check(config).words


@pytest.mark.parametrize("answer", [in_json({}), in_text("hello")])
def test_a_list_of_models_that_is_none_is_an_error(config, upstream, answer):
    upstream.always(answer, path="/sd-models", method="GET")
    with pytest.raises(ProviderError) as caught:
        ENGINE.models(config)
    assert caught.value.code == "invalid_answer"


def test_strange_entries_in_the_list_are_left_out(config, upstream):
    upstream.always(in_json([1, {"title": "x"}, {"model_name": "y"}]), path="/sd-models", method="GET")
    assert [one.id for one in ENGINE.models(config)] == ["y"]
