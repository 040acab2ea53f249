"""Parameters of models' own: what forms offer is what engines send, and nothing else."""

import json

import orjson
import pytest

from imagegen import capabilities, parameters
from imagegen.engines import ENGINES
from imagegen.engines.base import EngineConfig, Run
from imagegen.image_request import ImageRequest
from imagegen.models import ImageJob
from tests.imagegen.conftest import make_engine, store  # noqa: F401  fixtures
from tests.imagegen.drawing import picture
from tests.upstream import unused_port
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

MODELS = [
    (kind, model["example"], model["pattern"])
    for kind, facts in orjson.loads(capabilities.TABLE.read_bytes())["engines"].items()
    for model in facts["models"]
]
NAMES = [f"{kind}-{model}" for kind, model, _pattern in MODELS]
LISTS = {name: ["one of the server's"] for name in ("samplers", "schedulers", "upscalers", "loras", "embeddings")}


def offered(kind, model, *, lists=LISTS):
    can = ENGINES[kind].capabilities(EngineConfig(), model)
    return parameters.described(parameters.of_model(kind, can), can, lists, {})


def values_of(parameter):
    match parameter["kind"]:
        case "choice":
            return [choice["value"] for choice in parameter["choices"]]
        case "number":
            return [parameter["low"], parameter["high"]]
        case _flag:
            return [True]


@pytest.mark.parametrize(("kind", "model", "pattern"), MODELS, ids=NAMES)
def test_every_pattern_has_an_example_that_it_decides(kind, model, pattern):
    default = capabilities.Capabilities(prompt_limit=1)
    can = next(one["can"] for one in table_of(kind) if one["pattern"] == pattern)
    assert capabilities.known(kind, model, default) == default.but(can)
    names = {parameter.name for parameter in parameters.TABLE.get(kind, {}).values()}
    assert set(can.get("params", ())) <= names, "a form cannot offer it"
    assert set(can.get("values", ())) <= set(can.get("params", ()))


def table_of(kind):
    return orjson.loads(capabilities.TABLE.read_bytes())["engines"][kind]["models"]


@pytest.mark.parametrize(("kind", "model"), [*dict.fromkeys(one[:2] for one in MODELS), ("automatic1111", "")])
def test_every_choice_of_every_model_is_sent_as_it_was_chosen(kind, model, upstream):
    engine = ENGINES[kind]
    config = EngineConfig(url=upstream.url if kind == "openai" else upstream.origin, secret="", model=model)
    upstream.always(drawn(png(64, 64)), path="/images/generations")
    upstream.always(drawn(png(64, 64)), path="/images/edits")
    for parameter in offered(kind, model):
        if parameter["kind"] == "insert":
            continue
        for value in values_of(parameter):
            request = ImageRequest(
                prompt="a boat",
                model=model,
                images=(picture(),) if parameter["for_edits"] else (),
                params={parameter["name"]: value},
            )
            list(engine.generate(config, request, Run(id="job")))
            sent = sent_for_drawing(upstream)
            assert sent[parameter["name"]] in (value, str(value)), parameter["name"]


def sent_for_drawing(upstream):
    asked = [one for one in upstream.history if one.path.endswith(("generations", "edits", "txt2img", "img2img"))][-1]
    return asked.json if asked.json is not None else asked.fields


def test_a_model_is_offered_its_own_choices_and_no_more():
    assert {one["name"]: values_of(one) for one in offered("openai", "dall-e-3")} == {
        "quality": ["standard", "hd"],
        "style": ["vivid", "natural"],
    }
    assert "input_fidelity" in {one["name"] for one in offered("openai", "gpt-image-1")}
    assert "input_fidelity" not in {one["name"] for one in offered("openai", "gpt-image-2")}
    assert offered("openai", "somebodys-model") == []
    assert offered("gemini", "gemini-3.1-flash-image") == []
    assert "sampler_name" not in {one["name"] for one in offered("automatic1111", "", lists={})}


@pytest.fixture
def form(site, upstream, alice, make_engine):  # noqa: F811
    """`form(engine, model)`: the answer of the API to Alice."""
    session = site.session(alice)

    def ask(engine, model=""):
        answer = session.get(f"{site.url}/api/v1/images/parameters", params={"engine": engine.pk, "model": model})
        return answer.json()

    return ask


def test_a_server_s_own_lists_are_choices(form, upstream, make_engine):  # noqa: F811
    engine = make_engine(kind="automatic1111", url=upstream.origin, secret="")
    found = {one["name"]: one for one in form(engine)["parameters"]}
    assert values_of(found["sampler_name"])[1:] == ["Euler a", "Euler"]
    assert values_of(found["scheduler"]) == ["automatic", "karras"]
    assert values_of(found["hr_upscaler"]) == ["Latent", "R-ESRGAN 4x+"]
    assert found["embedding"]["choices"] == [{"value": "easynegative", "label": "easynegative"}]
    assert "lora" not in found  # this server has no such extension
    asked = len(upstream.history)
    assert form(engine)["problem"] == ""
    assert len(upstream.history) == asked  # for a while they are those of now


def test_a_server_that_is_away_is_said_and_the_rest_is_offered(form, make_engine, upstream):  # noqa: F811
    engine = make_engine(kind="automatic1111", url=f"http://127.0.0.1:{unused_port()}", secret="")
    told = form(engine)
    assert "cannot be reached" in told["problem"]
    assert {"cfg_scale", "enable_hr"} <= {one["name"] for one in told["parameters"]}


def test_what_the_engine_sets_itself_is_not_offered_and_the_last_choice_is_known(form, make_engine, upstream, alice):  # noqa: F811
    engine = make_engine(kind="openai", url=upstream.url, model="gpt-image-1", params={"quality": "low"})
    ImageJob.objects.create(user=alice, engine=engine, prompt="x", request={"params": {"background": "opaque"}})
    found = {one["name"]: one["last"] for one in form(engine)["parameters"]}
    assert "quality" not in found
    assert found["background"] == "opaque"
    assert found["output_format"] is None


@pytest.mark.django_db
def test_somebody_elses_engine_and_choices_are_not_told(client, alice, bob, make_engine, upstream):  # noqa: F811
    engine = make_engine(kind="openai", url=upstream.url, model="gpt-image-1", access="private")
    client.force_login(alice)
    answer = client.get(f"/api/v1/images/parameters?engine={engine.pk}")
    assert (answer.status_code, answer.json()["code"]) == (404, "engine_not_found")
    engine.access = "public"
    engine.save()
    ImageJob.objects.create(user=bob, engine=engine, prompt="x", request={"params": {"quality": "high"}})
    found = client.get(f"/api/v1/images/parameters?engine={engine.pk}").json()["parameters"]
    assert json.dumps([one["last"] for one in found]) == json.dumps([None] * len(found))
