"""The check of an engine is green where a call works; elsewhere its words say what to do."""

import pytest

from imagegen import engine_tests, workflow
from imagegen.engines import ENGINES
from imagegen.models import ImageEngine
from providers.services import DOUBTFUL
from tests.people import make_connection
from tests.upstream import in_html, in_json
from tests.upstream.openai import error

pytestmark = pytest.mark.django_db(transaction=True)
DRAWER, TALKER = "gpt-image-2", "gpt-6"
NO_DEPLOYMENT = {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}}
NO_PROMPT = {"error": {"code": "BadRequest", "message": "Missing required parameter: 'prompt'."}}
NOT_THERE = {"error": {"code": "OperationNotSupported", "message": "It does not work with the specified model."}}
AZURE = {"azure": "yes"}


def openai(models=(DRAWER, TALKER), **values):
    def make(upstream):
        upstream.openai.models = list(models)
        return {"kind": "openai", "url": upstream.url, "model": DRAWER, **values}

    return make


def without_a_list(path="", **values):
    def make(upstream):
        upstream.always(error(404, "no such route"), path="/models")
        return {"kind": "openai", "url": upstream.origin + path, "model": DRAWER, **values}

    return make


def without_v1(answer):
    def make(upstream):
        upstream.openai.models = [DRAWER]
        upstream.always(answer, path="/base/models")
        return {"kind": "openai", "url": f"{upstream.origin}/base", "model": DRAWER}

    return make


def below(path, kind="openai"):
    return lambda upstream: {"kind": kind, "url": f"{upstream.url}{path}", "model": DRAWER}


def azure(answer=None, status=400, **values):
    def make(upstream):
        if answer is not None:
            upstream.always(in_json(answer, status), path="/images/generations")
        return {"kind": "openai", "url": f"{upstream.origin}/openai/v1", "model": "d", "options": AZURE, **values}

    return make


def gemini(models=None, **values):
    def make(upstream):
        if models is not None:
            upstream.gemini.models = models
        return {"kind": "gemini", "url": upstream.gemini.url, "model": "gemini-3.1-flash-image", **values}

    return make


def chatreply(models, **values):
    def make(upstream):
        upstream.openai.models = models
        return {"kind": "chatreply", "url": upstream.url, "model": "x", **values}

    return make


def automatic1111(checkpoints=None, **values):
    def make(upstream):
        if checkpoints is not None:
            upstream.automatic1111.checkpoints = checkpoints
        return {"kind": "automatic1111", "url": upstream.origin, "model": "", **values}

    return make


def comfyui(graph=None, changes=None, **values):
    def make(upstream):
        found = {**workflow.default_graph("generate")} if graph == "stock" else {}
        for node_id, inputs in (changes or {}).items():
            found[node_id] = {**found[node_id], "inputs": {**found[node_id]["inputs"], **inputs}}
        return {"kind": "comfyui", "url": upstream.origin, "model": "", "workflow": found, **values}

    return make


def draws(*names):
    return [{"id": name, "architecture": {"output_modalities": ["image", "text"]}} for name in names]


GREEN, YELLOW, RED = "green", "yellow", "red"
CASES = {
    "openai": (openai(), GREEN, "2 models, 1 of them for pictures."),
    "openai, usual model": (openai(models=("gpt-image-2.6-sunburst",), model=""), GREEN, "1 model"),
    "openai, no such model": (openai(model="gpt-image-9"), YELLOW, "does not list the model “gpt-image-9”. Choose one"),
    "openai, not the usual model": (openai(models=(TALKER,), model=""), YELLOW, "Choose one that it lists: gpt-6."),
    "openai, a model that talks": (openai(model=TALKER), YELLOW, "“gpt-6” is not known to draw. Choose another"),
    "openai, no model at all": (openai(models=()), YELLOW, "lists no model. Load one there"),
    "openai, no list": (without_a_list("/v1"), YELLOW, "Draw a small picture with “Test”"),
    "openai, without /v1": (without_v1(error(404, "no such route")), RED, "/base/v1. Enter that as the base URL"),
    "openai, a page without /v1": (without_v1(in_html(200)), RED, "/base/v1. Enter that as the base URL"),
    "openai, generations": (below("/images/generations"), RED, "“/images/generations”, which this site adds"),
    "openai, edits": (below("/images/edits"), RED, "“/images/edits”, which this site adds"),
    "openai, chats": (below("/chat/completions"), RED, "“/chat/completions”, which this site adds"),
    "azure": (azure(NO_PROMPT), GREEN, "has the deployment “d”"),
    "azure, no deployment": (azure(model=""), RED, "name of your deployment"),
    "azure, no such deployment": (azure(NO_DEPLOYMENT, 404), RED, "There is no deployment “d”. Check"),
    "azure, a deployment that talks": (azure(NOT_THERE), RED, "draws no pictures at this address. Look at"),
    "gemini": (gemini(), GREEN, "2 models, 1 of them for pictures."),
    "gemini, no such model": (gemini(model="imagen-9"), YELLOW, "does not list the model “imagen-9”"),
    "gemini, a model that talks": (gemini(model="gemini-3.5-flash"), YELLOW, "is not known to draw"),
    "gemini, no model at all": (gemini(models=[]), YELLOW, "lists no model"),
    "gemini, another method": (
        gemini(models=[{"name": "models/veo-9", "supportedGenerationMethods": ["predict"]}], model="veo-9",
               method="generateContent"),
        RED, "does not take the method generateContent, but: predict. Choose",
    ),
    "gemini, no version": (
        lambda upstream: {"kind": "gemini", "url": f"{upstream.origin}/nowhere", "model": "gemini-3.1-flash-image"},
        RED, "Enter it with the API version",
    ),
    "chatreply": (chatreply(draws("x")), GREEN, "1 model, 1 for pictures."),
    "chatreply, no such model": (chatreply(draws("y")), YELLOW, "model “x”. Choose one that it lists: y"),
    "chatreply, a model that talks": (
        chatreply([{"id": "x", "architecture": {"output_modalities": ["text"]}}]), YELLOW, "is not known to draw",
    ),
    "chatreply, none is chosen": (chatreply(draws("x"), model=""), YELLOW, "model"),
    "chatreply, no model at all": (chatreply([]), YELLOW, "lists no model"),
    "chatreply, chats": (below("/chat/completions", "chatreply"), RED, "“/chat/completions”, which this site adds"),
    "automatic1111": (automatic1111(), GREEN, "has 2 checkpoints"),
    "automatic1111, a checkpoint": (automatic1111(model="anime"), GREEN, "has 2 checkpoints"),
    "automatic1111, no such checkpoint": (automatic1111(model="other"), RED, "“other”. It has: base, anime"),
    "automatic1111, no checkpoint": (automatic1111(checkpoints={}), RED, "no checkpoint. Put one"),
    "automatic1111, an operation": (
        lambda upstream: {"kind": "automatic1111", "url": f"{upstream.origin}/sdapi/v1/txt2img", "model": ""},
        RED, "“/sdapi/v1/txt2img”, which this site adds",
    ),
    "comfyui": (comfyui(), GREEN, "has 2 models"),
    "comfyui, a checkpoint": (comfyui(model="dream.safetensors"), GREEN, "has 2 models"),
    "comfyui, no such checkpoint": (comfyui(model="other"), RED, "does not list the model “other”"),
    "comfyui, no such checkpoint for the workflow": (comfyui("stock", model="other"), RED, "other is not among"),
    "comfyui, the graph's own is not there": (comfyui("stock", {"4": {"ckpt_name": "gone"}}), RED, "gone is not among"),
    "comfyui, a workflow": (comfyui("stock", {"4": {"ckpt_name": "dream.safetensors"}}), GREEN, "the workflow fits it"),
    "comfyui, the engine's instead of its own": (
        comfyui("stock", {"4": {"ckpt_name": "gone"}}, model="dream.safetensors"), GREEN, "the workflow fits it",
    ),
    "comfyui, no prompt": (
        comfyui("stock", {"4": {"ckpt_name": "dream.safetensors"}},
                nodes=[{"type": "seed", "key": "seed", "node_ids": ["3"], "value": ""}]),
        RED, "choose one in the node map",
    ),
    "comfyui, no seed": (
        comfyui("stock", {"4": {"ckpt_name": "dream.safetensors"}},
                nodes=[{"type": "prompt", "key": "text", "node_ids": ["6"], "value": ""}]),
        YELLOW, "No node takes the seed",
    ),
    "placeholder": (lambda upstream: {"kind": "placeholder", "model": ""}, GREEN, "Draws on this server"),
    "only edits, a model that cannot": (openai(models=["dall-e-3"], model="dall-e-3", purpose="edit"), RED, "used to"),
}  # fmt: skip


def test_every_kind_is_tried_green_and_red():
    assert {name.partition(",")[0] for name in CASES} >= {*ENGINES, "azure"}


@pytest.mark.parametrize("case", CASES)
def test_green_is_a_call_that_works_and_the_rest_says_what_to_do(make_engine, upstream, case):
    make, colour, words = CASES[case]
    row = make_engine(**{"secret": "user:key", "options": {}, **make(upstream)})
    result = engine_tests.check(row)
    assert words in result.message
    assert (RED if not result.ok else YELLOW if result.note == DOUBTFUL else GREEN) == colour
    row.refresh_from_db()
    assert bool(row.last_error) is (colour == RED)
    assert not [call for call in upstream.history if "prompt" in str(call.body)]


def test_an_unknown_node_of_a_workflow_is_named(make_engine, upstream):
    graph = workflow.default_graph("generate")
    graph["4"] = {**graph["4"], "class_type": "NobodysLoader"}
    row = make_engine(kind="comfyui", url=upstream.origin, model="", workflow=graph)
    result = engine_tests.check(row)
    assert (result.ok, "NobodysLoader" in result.message) == (False, True)


def test_a_check_through_a_connection_says_the_same(make_engine, upstream):
    upstream.openai.models = [TALKER]
    row = make_engine(kind="openai", connection=make_connection(upstream.url), secret="", model="gpt-image-9")
    assert "does not list the model “gpt-image-9”" in engine_tests.check(row).message


def test_the_list_shows_a_doubt_as_one(client, admin, make_engine, upstream):
    upstream.openai.models = []
    row = make_engine(kind="openai", url=upstream.url)
    client.force_login(admin)
    page = client.get(f"/admin/imagegen/imageengine/{row.pk}/check-row/", follow=True)
    (message,) = page.context["messages"]
    assert (message.level_tag, "lists no model" in str(message)) == ("warning", True)


def test_a_check_of_the_form_says_a_doubt_too(client, admin, upstream):
    upstream.openai.models = []
    client.force_login(admin)
    body = {"engine": "openai", "url": upstream.url, "key": "k", "model": DRAWER}
    answer = client.post("/api/v1/images/verify", body, content_type="application/json").json()
    assert (answer["ok"], "lists no model" in answer["doubt"]) == (True, True)
    assert not ImageEngine.objects.exists()
