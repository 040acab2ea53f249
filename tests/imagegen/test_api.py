"""The picture API: drawing and editing, jobs, the OpenAI SDK with every engine, the flat configuration."""

import base64
import io
import json
import zlib

import openai
import pytest
from django.core.exceptions import ImproperlyConfigured
from PIL import Image

from chat.models import File
from imagegen import config, workflow
from imagegen.config import first_rows
from imagegen.engines import ENGINES
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from tests.upstream import Gate, Pause, Reply, in_html, reset
from tests.upstream.openai import chat, error
from tests.upstream.openai.images import drawn, streamed
from tests.upstream.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 30
RED, BLUE = png(64, 64), png(64, 64, shade=90)
API = "/api/v1/images"


@pytest.fixture
def call(site, api_key):
    session = site.session(key=api_key)

    def send(method, path, body=None, *, status=200, **headers):
        answer = session.request(method, f"{site.url}{path}", json=body, headers=headers, timeout=PATIENCE)
        assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
        return answer.json()

    return send


@pytest.fixture(params=ENGINES)
def any_engine(request, make_engine, upstream):
    """An engine of each kind, set up at the scripted upstream."""
    upstream.always(drawn(RED), path="/images/generations")
    upstream.always(drawn(BLUE), path="/images/edits")
    image = f"data:image/png;base64,{base64.b64encode(RED).decode()}"
    upstream.always(chat("", images=[image]), path="/chat/completions")
    kinds = {
        "openai": {"url": upstream.url, "options": {"partial_images": 0}},
        "gemini": {"url": f"{upstream.origin}/v1beta", "model": "gemini-3-flash-image", "options": {}},
        "chatreply": {"url": upstream.url, "model": "drawing", "options": {}},
        "automatic1111": {"url": upstream.origin, "model": "", "secret": "", "options": {"sole_user": "yes"}},
        "comfyui": {"url": upstream.origin, "model": "dream.safetensors", "options": {}},
        "placeholder": {"url": "", "model": "", "options": {}},
    }
    return make_engine(kind=request.param, **kinds[request.param])


def is_picture(content):
    with Image.open(io.BytesIO(content)) as image:
        return image.width > 0


def test_the_official_sdk_draws_with_every_engine(site, api_key, any_engine):
    drawn_now = site.openai(api_key).images.generate(model="", prompt="a red kite")
    assert is_picture(base64.b64decode(drawn_now.data[0].b64_json))


def test_the_official_sdk_edits_with_every_engine(site, api_key, any_engine):
    edited = site.openai(api_key).images.edit(model="", prompt="make it blue", image=("kite.png", RED))
    assert is_picture(base64.b64decode(edited.data[0].b64_json))


def test_the_official_sdk_edits_several_pictures_with_a_mask(site, api_key, engine_row, upstream):
    upstream.script(drawn(BLUE), path="/images/edits")
    mask = png(64, 64, alpha=True)
    edited = site.openai(api_key).images.edit(
        model="gpt-image-2", prompt="blue", image=[("a.png", RED), ("b.png", BLUE)], mask=("mask.png", mask)
    )
    assert base64.b64decode(edited.data[0].b64_json) == BLUE
    assert [part.name for part in upstream.last.parts].count("image[]") == 2
    assert "mask" in [part.name for part in upstream.last.parts]


def test_the_official_sdk_streams_pictures_on_the_way_where_the_engine_has_some(site, api_key, make_engine, upstream):
    make_engine(url=upstream.url, options={"partial_images": 1})
    gate = Gate()
    upstream.script(streamed(RED, BLUE, steps=[gate]), path="/images/generations")
    stream = site.openai(api_key).images.generate(model="gpt-image-2", prompt="a kite", stream=True, partial_images=1)
    assert stream.response.headers["x-accel-buffering"] == "no"  # nginx would hold the pictures back
    kinds = []
    for event in stream:
        kinds.append(event.type)
        gate.open()
        if event.type == "image_generation.completed":
            assert base64.b64decode(event.b64_json) == RED
    assert kinds[-1] == "image_generation.completed"
    assert set(kinds[:-1]) <= {"image_generation.partial_image"}


@pytest.mark.parametrize(
    ("wish", "asked"), [({}, None), ({"stream": True}, None), ({"stream": True, "partial_images": 2}, 2)]
)
def test_pictures_on_the_way_are_asked_for_only_where_the_caller_wants_them(
    site, api_key, make_engine, upstream, wish, asked
):
    make_engine(url=upstream.url, options={"partial_images": 1})
    upstream.script(streamed(RED) if asked else drawn(RED), path="/images/generations")
    answer = site.openai(api_key).images.generate(model="gpt-image-2", prompt="a kite", **wish)
    if wish:
        assert [event.type for event in answer] == ["image_generation.completed"]
    assert upstream.last.json.get("partial_images") == asked


def test_the_models_own_parameters_go_through(site, api_key, engine_row, upstream):
    upstream.script(drawn(RED))
    site.openai(api_key).images.generate(model="gpt-image-2", prompt="a kite", quality="high", background="opaque")
    assert (upstream.last.json["quality"], upstream.last.json["background"]) == ("high", "opaque")


@pytest.mark.parametrize(
    ("status", "code", "raised"),
    [
        (400, "moderation_blocked", openai.BadRequestError),
        (401, "invalid_api_key", openai.AuthenticationError),
        (429, "rate_limit_exceeded", openai.RateLimitError),
        (500, None, openai.InternalServerError),
    ],
)
def test_an_engines_error_reaches_the_sdk_in_the_providers_words(
    site, api_key, engine_row, upstream, status, code, raised
):
    upstream.always(error(status, "The painter says no.", code=code), path="/images/generations")
    with pytest.raises(raised) as refused:
        site.openai(api_key).images.generate(model="gpt-image-2", prompt="a kite")
    assert "The painter says no." in str(refused.value)
    assert refused.value.type == "provider_error"  # not ours: nothing is wrong with this server


def test_a_picture_bomb_of_an_engine_is_the_engines_fault(call, engine_row, upstream):
    bomb = bytearray(RED)
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2  # the size in the PNG's header
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    upstream.script(drawn(bytes(bomb)))
    assert call("POST", f"{API}/generations", {"prompt": "a kite"}, status=502)["code"] == "picture_too_large"
    assert not File.objects.exists()


def test_the_plain_endpoint_waits_for_the_picture(call, engine_row, upstream, alice):
    upstream.script(drawn(RED))
    [file] = call("POST", f"{API}/generations", {"prompt": "a kite", "size": "1024x1024"})
    assert file["url"] == f"/api/v1/files/{file['id']}/content"
    assert File.objects.get(pk=file["id"]).owner == alice


def test_an_edit_takes_data_urls_and_own_files_but_nobody_elses(call, engine_row, upstream, alice, bob):
    from chat import files

    upstream.always(drawn(BLUE), path="/images/edits")
    mine, theirs = files.accept(alice, RED), files.accept(bob, RED)
    data_url = f"data:image/png;base64,{base64.b64encode(RED).decode()}"
    for image in (data_url, mine.url, str(mine.pk), [mine.url, data_url]):
        assert call("POST", f"{API}/edit", {"prompt": "blue", "image": image})
    assert call("POST", f"{API}/edit", {"prompt": "blue", "image": theirs.url}, status=404)["code"] == "file_not_found"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, None),
        ({"prompt": "x", "n": 11}, "n"),
        ({"prompt": "x", "size": "big"}, None),
        ({"prompt": "x", "seed": 4}, None),
        ({"prompt": "x", "steps": 9}, None),
        ({"prompt": "x", "negative_prompt": "people"}, None),
    ],
)
def test_what_cannot_be_drawn_is_a_clear_400_and_reaches_nobody(call, engine_row, upstream, body, param):
    answer = call("POST", f"{API}/generations", body, status=400)
    assert answer["detail"]
    assert upstream.history == []


@pytest.mark.parametrize("image", ["", [], None])
def test_an_edit_of_nothing_is_refused_instead_of_drawing_something_new(call, engine_row, upstream, image):
    answer = call("POST", f"{API}/edit", {"prompt": "blue", "image": image}, status=400)
    assert "image" in answer["errors"]
    assert upstream.history == []


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/x.png", "http://2130706433/x.png", "http://[::ffff:127.0.0.1]/"]
)
def test_an_input_picture_is_never_fetched_from_a_private_address(call, engine_row, address):
    answer = call("POST", f"{API}/edit", {"prompt": "x", "image": address}, status=400)
    assert answer["code"] == "address_refused"


def test_a_job_is_accepted_watched_cancelled_and_repeated_by_its_key(call, engine_row, upstream):
    gate = Gate()
    upstream.script(Reply(before=[gate]))
    wish, key = {"prompt": "a kite"}, {"Idempotency-Key": "once"}
    job = call("POST", f"{API}/jobs", wish, status=202, **key)
    assert call("POST", f"{API}/jobs", wish, status=202, **key)["id"] == job["id"]
    upstream.wait_for("/images/generations")
    assert call("GET", f"{API}/jobs/{job['id']}")["state"] == "running"
    assert [one["id"] for one in call("GET", f"{API}/jobs/?state=open")["results"]] == [job["id"]]
    call("POST", f"{API}/jobs/{job['id']}/cancel", status=202)
    from imagegen import jobs

    assert jobs.wait_for(ImageJob.objects.get(), timeout=PATIENCE).state == "cancelled"
    call("POST", f"{API}/jobs/{job['id']}/cancel", status=409)
    gate.open()


@pytest.mark.parametrize("path", [f"{API}/generations", "/v1/images/generations"])
def test_a_failure_that_may_pass_is_not_remembered_but_a_refusal_is(call, engine_row, upstream, path):
    wish, key = {"prompt": "a kite"}, {"Idempotency-Key": "once"}
    upstream.script(error(503, "busy"), error(429, "slow"), drawn(RED), path="/images/generations")
    call("POST", path, wish, status=503, **key)
    call("POST", path, wish, status=429, **key)
    call("POST", path, wish, status=200, **key)
    call("POST", path, wish, status=200, **key)
    assert len(upstream.asked("/images/generations")) == 3
    upstream.script(error(400, "no kites"), drawn(RED), path="/images/generations")
    for _ in range(2):
        call("POST", path, {"prompt": "another"}, status=400, **{"Idempotency-Key": "twice"})
    assert len(upstream.asked("/images/generations")) == 4


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (error(503, "busy"), 503),
        (error(429, "slow"), 429),
        (error(408, "late"), 408),
        (error(500, "oh"), 500),
        (in_html(504), 504),
        (reset(), 502),
        (Reply(before=[Pause(30)]), 504),
    ],
    ids=["busy", "rate limit", "late", "fault", "proxy", "reset", "time-out"],
)
@pytest.mark.parametrize("path", [f"{API}/generations", "/v1/images/generations", "/openai/v1/images/generations"])
def test_a_failure_worth_another_try_gives_its_key_back(call, engine_row, upstream, path, failure, status):
    engine_row.timeout = 1  # seconds
    engine_row.save()
    wish, key = {"prompt": "a kite"}, {"Idempotency-Key": "once"}
    upstream.script(failure, drawn(RED), path="/images/generations")
    call("POST", path, wish, status=status, **key)
    call("POST", path, wish, status=200, **key)
    call("POST", path, wish, status=200, **key)
    assert len(upstream.asked("/images/generations")) == 2


@pytest.mark.parametrize("refusal", [error(400, "no kites"), error(403, "not you"), error(404, "no such model")])
def test_a_refusal_is_remembered_by_its_key(call, engine_row, upstream, refusal):
    upstream.always(refusal, path="/images/generations")
    for _ in range(2):
        call("POST", f"{API}/generations", {"prompt": "x"}, status=refusal.status, **{"Idempotency-Key": "k"})
    assert len(upstream.asked("/images/generations")) == 1


def test_pictures_count_against_rate_limits_on_every_route(site, api_key, call, engine_row, upstream):
    from providers.models import RateLimit

    RateLimit.objects.create(requests_minute=2)
    upstream.always(drawn(RED), path="/images/generations")
    call("POST", f"{API}/generations", {"prompt": "x"})
    site.openai(api_key).images.generate(model="gpt-image-2", prompt="x")
    call("POST", f"{API}/jobs", {"prompt": "x"}, status=429)
    with pytest.raises(openai.RateLimitError):
        site.openai(api_key).images.generate(model="gpt-image-2", prompt="x")


def test_a_strangers_job_is_not_there(site, call, engine_row, upstream, bob):
    upstream.always(drawn(RED), path="/images/generations")
    call("POST", f"{API}/generations", {"prompt": "x"})
    job = ImageJob.objects.get()
    answer = site.session(bob).get(f"{site.url}{API}/jobs/{job.pk}", timeout=PATIENCE)
    assert answer.status_code == 404


def test_the_models_of_the_engine_in_use_are_listed(call, engine_row, upstream):
    upstream.openai.models = [{"id": "gpt-image-2", "object": "model"}, {"id": "gpt-6", "object": "model"}]
    assert [one["id"] for one in call("GET", f"{API}/models")] == ["gpt-image-2"]


class TestTheFlatConfiguration:
    @pytest.fixture
    def admins(self, site, admin):
        session = site.session(admin)

        def send(method, path, body=None, status=200):
            answer = session.request(method, f"{site.url}{API}{path}", json=body, timeout=PATIENCE)
            assert answer.status_code == status, answer.text[:500]
            return answer.json()

        return send

    def test_only_administrators_see_it(self, call, store):
        call("GET", f"{API}/config", status=403)

    def test_it_is_saved_whole_and_read_back_with_masks(self, admins, upstream, store):
        form = {
            "ENABLE_IMAGE_GENERATION": True,
            "IMAGE_GENERATION_ENGINE": "openai",
            "IMAGE_GENERATION_MODEL": "gpt-image-2",
            "IMAGE_SIZE": "1024x1024",
            "IMAGES_OPENAI_API_BASE_URL": f"{upstream.url}/",
            "IMAGES_OPENAI_API_KEY": "sk-secret-abcd",
            "IMAGES_OPENAI_PARAMS": {"quality": "high"},
            "COMFYUI_WORKFLOW": json.dumps(workflow.default_graph("generate")),
        }
        saved = admins("POST", "/config/update", form)
        assert saved["IMAGES_OPENAI_API_KEY"] == "••••abcd"
        assert saved["IMAGES_OPENAI_API_PARAMS"] == {"quality": "high"}
        assert saved["IMAGES_OPENAI_API_BASE_URL"] == upstream.url
        assert json.loads(saved["COMFYUI_WORKFLOW"])
        admins("POST", "/config/update", {**form, "IMAGES_OPENAI_API_KEY": "••••abcd", "IMAGE_SIZE": "auto"})
        row = ImageEngine.objects.get(kind="openai")
        assert (row.secret, row.size) == ("sk-secret-abcd", "auto")

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("IMAGE_SIZE", "big"),
            ("IMAGE_STEPS", -1),
            ("IMAGE_GENERATION_ENGINE", "crayon"),
            ("COMFYUI_WORKFLOW", "{"),
            ("AUTOMATIC1111_PARAMS", "[1]"),
            ("ENABLE_IMAGE_EDIT", "yes"),
            ("NO_SUCH_KEY", 1),
            ("IMAGES_OPENAI_API_BASE_URL", "ftp://x"),
        ],
    )
    def test_one_wrong_value_saves_nothing_and_is_named(self, admins, store, key, value):
        before = config.read()
        answer = admins("POST", "/config/update", {"ENABLE_IMAGE_GENERATION": True, key: value}, status=400)
        assert key in answer["detail"]
        assert config.read() == before

    def test_an_engine_is_verified_without_being_saved(self, admins, upstream, store):
        upstream.key = "right"
        found = admins("POST", "/verify", {"engine": "openai", "url": upstream.url, "key": "right"})
        assert found["ok"] is True
        wrong = admins("POST", "/verify", {"engine": "openai", "url": upstream.url, "key": "wrong"}, status=401)
        assert wrong["provider"]
        assert not ImageEngine.objects.exists()

    def test_what_is_saved_is_verified(self, admins, engine_row):
        ImageSettings.objects.update(engine=engine_row)
        assert admins("GET", "/config/url/verify")["ok"] is True


class TestTheFirstRows:
    def test_nothing_set_makes_a_demo_that_draws(self, db, settings, store):
        settings.IMAGE_CONFIG, settings.WEBUI_DEMO = {}, True
        first_rows.fill_from_environment()
        first_rows.fill_from_environment()
        assert ImageEngine.objects.get().demo
        assert ImageSettings.load().enabled

    def test_variables_fill_the_rows_once_and_then_the_rows_win(self, db, settings, store):
        settings.IMAGE_CONFIG = {
            "ENABLE_IMAGE_GENERATION": True,
            "IMAGE_GENERATION_ENGINE": "openai",
            "IMAGE_GENERATION_MODEL": "gpt-image-2",
        }
        settings.OPENAI_API_BASE_URL, settings.OPENAI_API_KEY = "http://one.example/v1", "sk-of-connection"
        first_rows.fill_from_environment()
        row = ImageEngine.objects.get()
        assert (row.kind, row.url, row.secret) == ("openai", "http://one.example/v1", "sk-of-connection")
        ImageEngine.objects.update(model="other")
        first_rows.fill_from_environment()
        assert ImageEngine.objects.get().model == "other"
        settings.ENABLE_PERSISTENT_CONFIG = False
        first_rows.fill_from_environment()
        assert ImageEngine.objects.get().model == "gpt-image-2"

    def test_a_later_start_writes_only_what_variables_set(self, db, settings, store):
        settings.IMAGE_CONFIG = {
            "ENABLE_IMAGE_GENERATION": True,
            "IMAGE_GENERATION_ENGINE": "openai",
            "IMAGE_SIZE": "1024x1024",
            "IMAGES_OPENAI_API_KEY": "",
        }
        settings.OPENAI_API_BASE_URL = settings.OPENAI_API_KEY = ""
        first_rows.fill_from_environment()
        row, image_settings = ImageEngine.objects.get(), ImageSettings.load()
        row.url, row.model, row.params, row.size = "https://own.invalid/v1", "mine", {"quality": "high"}, "512x512"
        row.enter("secret", "sk-mine")
        row.save()
        image_settings.enabled, image_settings.prompt_template, image_settings.edit_enabled = False, "mine", True
        image_settings.save()

        settings.ENABLE_PERSISTENT_CONFIG = False
        first_rows.fill_from_environment()

        row.refresh_from_db()
        assert (row.url, row.secret, row.model, row.params) == (
            "https://own.invalid/v1",
            "sk-mine",
            "mine",
            {"quality": "high"},
        )
        assert row.size == "1024x1024"
        image_settings = ImageSettings.load()
        assert (image_settings.enabled, image_settings.prompt_template, image_settings.edit_enabled) == (
            True,
            "mine",
            True,
        )
        assert first_rows.variables_of(row) == {"size": "IMAGE_SIZE"}
        assert first_rows.variables_of(image_settings) == {
            "enabled": "ENABLE_IMAGE_GENERATION",
            "engine": "IMAGE_GENERATION_ENGINE",
        }

    def test_a_wrong_variable_is_named(self, db, settings, store):
        settings.IMAGE_CONFIG = {"IMAGE_GENERATION_ENGINE": "openai", "IMAGE_SIZE": "big"}
        with pytest.raises(ImproperlyConfigured, match=r"^IMAGE_SIZE"):
            first_rows.fill_from_environment()

    @pytest.mark.parametrize(
        ("given", "key"),
        [
            ({"ENABLE_IMAGE_GENERATION": True}, "sk-of-connection"),
            ({"IMAGES_OPENAI_API_KEY": "sk-own"}, "sk-own"),
            ({"IMAGE_GENERATION_MODEL": "gpt-image-2", "IMAGE_SIZE": "1024x1024"}, "sk-of-connection"),
        ],
    )
    def test_openai_draws_when_no_engine_is_named_and_there_is_a_key(self, db, settings, store, given, key):
        settings.IMAGE_CONFIG, settings.OPENAI_API_KEY = given, "sk-of-connection"
        first_rows.fill_from_environment()
        row = ImageSettings.load().engine
        assert (row.kind, row.url, row.secret) == ("openai", "https://api.openai.com/v1", key)

    def test_both_openai_engines_take_the_connections_address_and_key(self, db, settings, store):
        settings.IMAGE_CONFIG = {"IMAGE_GENERATION_ENGINE": "openai", "IMAGE_EDIT_ENGINE": "openai"}
        settings.OPENAI_API_BASE_URL, settings.OPENAI_API_KEY = "http://one.example/v1", "sk-of-connection"
        first_rows.fill_from_environment()
        image_settings = ImageSettings.load()
        for row in (image_settings.engine, image_settings.edit_engine):
            assert (row.url, row.secret) == ("http://one.example/v1", "sk-of-connection")

    def test_automatic1111_edits_where_it_draws(self, db, settings, store):
        settings.IMAGE_CONFIG = {
            "IMAGE_GENERATION_ENGINE": "automatic1111",
            "IMAGE_EDIT_ENGINE": "automatic1111",
            "AUTOMATIC1111_BASE_URL": "http://gpu.example:7860",
            "AUTOMATIC1111_API_AUTH": "me:secret",
        }
        first_rows.fill_from_environment()
        row = ImageSettings.load().edit_engine
        assert (row.url, row.secret) == ("http://gpu.example:7860", "me:secret")
        config.update({"AUTOMATIC1111_BASE_URL": "http://other.example:7860"})
        row.refresh_from_db()
        assert row.url == "http://other.example:7860"

    def test_switched_on_without_a_key_the_demo_draws(self, db, settings, store):
        settings.IMAGE_CONFIG, settings.WEBUI_DEMO = {"ENABLE_IMAGE_GENERATION": True}, True
        settings.OPENAI_API_BASE_URLS, settings.OPENAI_API_KEYS, settings.OPENAI_API_KEY = [], [], ""
        first_rows.fill_from_environment()
        assert ImageSettings.load().engine.demo

    def test_switched_off_stays_off_beside_the_demo(self, db, settings, store):
        settings.IMAGE_CONFIG, settings.WEBUI_DEMO = {"ENABLE_IMAGE_GENERATION": False}, True
        first_rows.fill_from_environment()
        assert not ImageSettings.load().enabled
