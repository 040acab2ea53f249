"""The ComfyUI engine over real sockets: queued graphs, uploads, progress, results."""

import io
import re

import pytest
from PIL import Image

from imagegen import workflow
from imagegen.engines.base import EngineConfig, Run
from imagegen.image_request import ImageRequest, InputPicture
from providers.errors import BadRequest, ConfigurationError, NetworkError, ProviderError
from tests.imagegen import graphs
from tests.imagegen.comfy import ENGINE, SMALL, built_in, sent, with_graph
from tests.imagegen.drawing import draw, picture
from tests.upstream import Reply, in_json, in_text
from tests.upstream.pictures import png


@pytest.fixture
def comfy(upstream):
    return upstream.comfyui


@pytest.fixture
def config(upstream):
    return EngineConfig(url=upstream.origin)


def size(content: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(content)) as image:
        return image.size


# --- drawing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_without_a_workflow_a_prompt_becomes_a_picture(config, upstream, comfy, old):
    comfy.old = old
    upstream_ids: list[str] = []
    drawn = draw(ENGINE, config, Run(started=upstream_ids.append), negative_prompt="blurry", seed=7, **SMALL)

    (one,) = drawn.pictures
    assert size(one.content) == (64, 64)
    assert (one.content_type, one.seed, one.model) == ("image/png", 7, "dream.safetensors")
    assert one.provenance == {"steps": 4}
    graph = sent(upstream)
    assert (graph["6"]["inputs"]["text"], graph["7"]["inputs"]["text"]) == ("a red kite", "blurry")
    assert graph["3"]["inputs"]["seed"] == 7
    assert upstream_ids == [upstream.asked("/prompt", "POST")[0].json["prompt_id"]]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", upstream_ids[0])


def test_every_run_has_a_client_id_of_its_own_and_sends_no_origin(config, upstream):
    draw(ENGINE, config, **SMALL)
    draw(ENGINE, config, **SMALL)
    clients = {one.json["client_id"] for one in upstream.asked("/prompt", "POST")}
    assert clients == {one.query["clientId"] for one in upstream.asked("/ws")}
    assert len(clients) == 2
    for one in upstream.history:
        assert "Origin" not in one.headers
        assert "Sec-Fetch-Site" not in one.headers


def test_the_key_goes_with_every_call_as_a_bearer_token(upstream):
    upstream.key = "k"
    drawn = draw(ENGINE, EngineConfig(url=upstream.origin, secret="k"), images=(picture(),), **SMALL)
    assert len(drawn.pictures) == 1
    assert {one.headers.get("Authorization") for one in upstream.history} == {"Bearer k"}


def test_a_path_in_the_address_is_kept(upstream):
    drawn = draw(ENGINE, EngineConfig(url=f"{upstream.origin}/comfy"), images=(picture(),), **SMALL)
    assert len(drawn.pictures) == 1
    assert all(one.path.startswith("/comfy/") for one in upstream.history)


def test_a_random_seed_makes_new_pictures_of_the_same_prompt(config, upstream):
    first, second = (draw(ENGINE, config, **SMALL).pictures[0] for _time in range(2))
    assert first.seed != second.seed
    assert all(0 <= one.seed <= 1125899906842624 for one in (first, second))


def test_the_same_seed_gives_the_old_file_and_that_is_fine(config, comfy):
    first, second = (draw(ENGINE, config, seed=3, **SMALL).pictures[0] for _time in range(2))
    assert first.content == second.content
    assert len([one for one in comfy.files if one[0] == "output"]) == 1


def test_several_pictures_are_a_batch_where_the_graph_has_a_place_for_it(config, upstream):
    drawn = draw(ENGINE, config, n=3, **SMALL)
    assert len(drawn.pictures) == 3
    assert sent(upstream)["5"]["inputs"]["batch_size"] == 3
    assert len(upstream.asked("/prompt", "POST")) == 1


def test_and_prompts_one_after_the_other_where_it_has_none(config, upstream):
    nodes = [line.as_dict() for line in workflow.guess_nodes(built_in()) if line.type != "n"]
    drawn = draw(ENGINE, with_graph(config, built_in(), nodes=tuple(nodes)), n=3, seed=5, **SMALL)
    assert [one.seed for one in drawn.pictures] == [5, 6, 7]
    assert len(upstream.asked("/prompt", "POST")) == 3
    fractions = [one.fraction for one in drawn.progress if one.fraction is not None]
    assert fractions == sorted(fractions)


def test_sides_are_rounded_here_and_said(config, upstream):
    drawn = draw(ENGINE, config, size="100x70")
    assert size(drawn.pictures[0].content) == (104, 72)
    assert "104x72 instead of 100x70" in drawn.notices[0]


def test_the_administrators_map_literals_and_parameters_are_used(config, upstream):
    nodes = (
        {"type": "prompt", "node_ids": ["6", "7"], "key": "text"},
        {"type": "", "node_ids": ["9"], "key": "filename_prefix", "value": "sub/mine"},
        {"type": "", "node_ids": ["3"], "key": "cfg", "value": None},
        {"type": "seed", "node_ids": "3", "key": ""},
    )
    config = with_graph(config, built_in(n5={"width": 64, "height": 64}), nodes=nodes, params={"front": True})
    (one,) = draw(ENGINE, config).pictures
    assert size(one.content) == (64, 64)
    graph = sent(upstream)
    assert graph["7"]["inputs"]["text"] == "a red kite"
    assert graph["3"]["inputs"]["cfg"] == 7.0
    assert upstream.asked("/prompt", "POST")[0].json["front"] is True
    assert upstream.asked("/view")[0].query["subfolder"] == "sub"


def test_custom_sampling_graphs_work_through_their_primitives(config, upstream):
    (one,) = draw(ENGINE, with_graph(config, graphs.FLUX), size="96x64", steps=2).pictures
    assert size(one.content) == (96, 64)
    assert (one.model, one.provenance) == ("flux.safetensors", {"steps": 2})


# --- requests that a workflow cannot take -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        ({"size": "64x64"}, "size"),
        ({"model": "dream.safetensors"}, "model"),
        ({"steps": 3}, "steps"),
        ({"seed": 3}, "seed"),
        ({"negative_prompt": "x"}, "negative_prompt"),
        ({"images": (picture(),)}, "image"),
        ({"params": {"cfg": 3}}, "cfg"),
    ],
)
def test_a_request_without_a_place_in_the_map_is_refused_before_any_call(config, upstream, wish, param):
    config = with_graph(config, built_in(), nodes=({"type": "prompt", "node_ids": ["6"]},), size="512x512", model="x")
    with pytest.raises(BadRequest) as caught:
        draw(ENGINE, config, **wish)
    assert (caught.value.param, caught.value.code) == (param, "not_supported")
    assert upstream.history == []


def test_a_default_without_a_place_in_the_map_is_left_out(config, upstream):
    graph = built_in(n5={"width": 64, "height": 64})
    nodes = ({"type": "prompt", "node_ids": ["6"]},)
    config = with_graph(config, graph, nodes=nodes, size="512x512", steps=9, model="gone.safetensors")
    (one,) = draw(ENGINE, config).pictures
    assert size(one.content) == (64, 64)
    assert sent(upstream)["3"]["inputs"]["steps"] == 20


@pytest.mark.parametrize(
    ("graph", "nodes", "words"),
    [
        (graphs.UI_FORMAT_OLD, (), "Export (API)"),
        (graphs.UI_FORMAT_NEW, (), "Export (API)"),
        (built_in(), ({"type": "seed", "node_ids": ["3"]},), "takes the prompt"),
        (built_in(), ({"type": "prompt", "node_ids": ["66"]},), "node 66"),
        (built_in(), ({"type": "promt", "node_ids": ["6"]},), "promt"),
    ],
)
def test_a_workflow_that_cannot_work_is_explained_before_any_call(config, upstream, graph, nodes, words):
    with pytest.raises(ConfigurationError) as caught:
        draw(ENGINE, with_graph(config, graph, nodes=nodes))
    assert words in caught.value.message
    assert caught.value.code == "invalid_workflow"
    assert upstream.history == []


def test_capabilities_follow_the_node_map(config):
    assert ENGINE.capabilities(config).mask
    can = ENGINE.capabilities(with_graph(config, graphs.ALPHA_INPAINT))
    assert (can.generate, can.edit, can.mask, can.negative_prompt, can.per_call) == (False, True, True, False, 1)
    can = ENGINE.capabilities(with_graph(config, graphs.FLUX))
    assert (can.generate, can.edit, can.mask, can.steps, can.per_call) == (True, False, False, True, 10)


# --- edits ------------------------------------------------------------------------------------------------------------


def uploaded(comfy, name: str) -> bytes:
    return comfy.files[("input", "", name)]


def test_an_input_picture_is_uploaded_and_used_by_the_name_the_server_gives(config, upstream, comfy):
    given = picture(96, 70)
    (one,) = draw(ENGINE, config, images=(given,)).pictures

    name = sent(upstream)["10"]["inputs"]["image"]
    assert uploaded(comfy, name) == given.content
    assert size(one.content) == (96, 72)
    (upload,) = upstream.asked("/api/upload/image")
    assert upload.fields == {"type": "input"}
    assert upload.files[0].filename == name


def test_a_name_that_the_server_chose_otherwise_is_the_one_that_counts(config, upstream, comfy):
    comfy.files[("input", "deep", "other (1).png")] = png()
    answer = in_json({"name": "other (1).png", "subfolder": "deep", "type": "input"})
    upstream.script(answer, path="/upload/image")
    draw(ENGINE, config, images=(picture(),), **SMALL)
    assert sent(upstream)["10"]["inputs"]["image"] == "deep/other (1).png"


def test_several_pictures_go_to_several_nodes_in_the_order_of_the_map(config, upstream, comfy):
    graph = built_in() | {
        "20": graphs.node("LoadImage", image="example.png"),
        "21": graphs.node("LoadImage", image="example.png"),
        "22": graphs.node("PreviewImage", images=["20", 0]),
        "23": graphs.node("PreviewImage", images=["21", 0]),
    }
    nodes = [line.as_dict() for line in workflow.guess_nodes(graph) if line.type != "image"]
    nodes.append({"type": "image", "node_ids": ["21", "20"], "key": "image"})
    config = with_graph(config, graph, nodes=tuple(nodes))
    given = (picture(64, 64), picture(72, 64))
    draw(ENGINE, config, images=given, **SMALL)

    names = [sent(upstream)[node_id]["inputs"]["image"] for node_id in ("21", "20")]
    assert [uploaded(comfy, name) for name in names] == [one.content for one in given]
    with pytest.raises(BadRequest, match="at most 2"):
        draw(ENGINE, config, images=(*given, picture()), **SMALL)


def mask() -> InputPicture:
    return picture(alpha=True)


def test_a_mask_node_gets_a_mask_that_reads_right_by_transparency_and_by_colour(config, upstream, comfy):
    draw(ENGINE, config, images=(picture(),), mask=mask(), **SMALL)
    content = uploaded(comfy, sent(upstream)["14"]["inputs"]["image"])
    with Image.open(io.BytesIO(content)) as image:
        assert image.getpixel((0, 0)) == (255, 255, 255, 0)  # changes
        assert image.getpixel((63, 0)) == (0, 0, 0, 255)


def test_a_mask_that_comes_with_the_picture_is_joined_with_it_by_the_server(config, upstream, comfy):
    draw(ENGINE, with_graph(config, graphs.ALPHA_INPAINT), images=(picture(),), mask=mask())
    (joined,) = upstream.asked("/api/upload/mask")
    assert '"filename":"webui-' in joined.fields["original_ref"]
    content = uploaded(comfy, sent(upstream)["4"]["inputs"]["image"])
    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == "RGBA"
        assert (image.getpixel((0, 0))[3], image.getpixel((63, 0))[3]) == (0, 255)


# --- results ----------------------------------------------------------------------------------------------------------


def test_previews_and_doubles_are_left_out(config, upstream):
    graph = built_in() | {"10": graphs.node("PreviewImage", images=["8", 0])}
    drawn = draw(ENGINE, with_graph(config, graph), **SMALL)
    assert len(drawn.pictures) == 1

    entry = {"filename": "a.png", "subfolder": "", "type": "output"}
    history = {
        "outputs": {"9": {"images": [entry, entry]}, "8": {"images": [entry], "text": ["hi"], "animated": [False]}}
    }

    def answer(received):
        return in_json({received.params["id"]: history | {"status": {"status_str": "success"}}})

    upstream.comfyui.files[("output", "", "a.png")] = png()
    upstream.comfyui.get_history = answer
    assert len(draw(ENGINE, config, **SMALL).pictures) == 1


def test_previews_are_taken_when_nothing_else_is_there(config):
    graph = built_in() | {"9": graphs.node("PreviewImage", images=["8", 0])}
    assert len(draw(ENGINE, with_graph(config, graph), **SMALL).pictures) == 1


def test_output_nodes_can_be_chosen(config):
    graph = built_in() | {
        "10": graphs.node("SaveImage", images=["8", 0], filename_prefix="other"),
        "11": graphs.node("PreviewImage", images=["8", 0]),
    }
    for chosen, count in (("", 2), ("10", 1), ("9, 11", 2), (["11"], 1)):
        config = with_graph(config, graph, options={"output_nodes": chosen})
        assert len(draw(ENGINE, config, **SMALL).pictures) == count


@pytest.mark.parametrize("kind", [1, 4])
def test_pictures_over_the_socket_are_results_and_not_previews(config, comfy, kind):
    comfy.previews, comfy.final_frame = True, kind
    graph = built_in() | {"9": graphs.node("SaveImageWebsocket", images=["8", 0])}
    drawn = draw(ENGINE, with_graph(config, graph), n=2, **SMALL)
    assert [size(one.content) for one in drawn.pictures] == [(64, 64), (64, 64)]
    assert all(size(one.preview) == (16, 16) for one in drawn.progress if one.preview)


def test_a_run_without_a_picture_is_an_error(config, upstream):
    graph = built_in() | {"9": graphs.node("SaveImageWebsocket", images=["8", 0])}
    upstream.always(in_text("no", 403), path="/ws", method="GET")
    with pytest.raises(ProviderError) as caught:
        draw(ENGINE, with_graph(config, graph), **SMALL)
    assert caught.value.code == "no_picture"


def test_the_graph_that_the_server_writes_into_the_file_is_taken_out(config, upstream, comfy):
    out = io.BytesIO()
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("prompt", '{"a secret": 1}')
    texts.add_itxt("workflow", "a secret", zip=True)
    texts.add_text("Software", "kept")
    with Image.open(io.BytesIO(png())) as image:
        image.save(out, "PNG", pnginfo=texts)
    upstream.always(Reply(200, {"Content-Type": "image/png"}, out.getvalue()), path="/view", method="GET")
    (one,) = draw(ENGINE, config, **SMALL).pictures
    with Image.open(io.BytesIO(one.content)) as image:
        assert image.text == {"Software": "kept"}
        image.load()


# --- lists and checks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [False, True], ids=["COMBO", "list first"])
def test_models_are_those_of_the_mapped_loader(config, upstream, comfy, old):
    comfy.old = old
    assert [one.id for one in ENGINE.models(config)] == ["dream.safetensors", "sdxl/base.safetensors"]
    assert [one.id for one in ENGINE.models(with_graph(config, graphs.FLUX))] == ["flux.safetensors"]
    nodes = ({"type": "model", "node_ids": ["12"], "key": "weight_dtype"},)
    assert [one.id for one in ENGINE.models(with_graph(config, graphs.FLUX, nodes=nodes))] == ["default", "fp8_e4m3fn"]
    assert "/object_info" not in [one.path for one in upstream.history]  # which is megabytes


def test_check_says_the_version_and_whether_the_workflow_fits(config, upstream):
    assert ENGINE.check(config).words == "ComfyUI 0.33.0 answers and has 2 models."
    assert "workflow fits" in ENGINE.check(with_graph(config, graphs.FLUX)).words
    broken = built_in(n9={"images": "hello"})
    with pytest.raises(ConfigurationError) as caught:
        ENGINE.check(with_graph(config, broken))
    assert "not the value “hello”" in caught.value.message
    assert upstream.asked("/prompt", "POST") == []


def test_a_dry_run_shows_the_filled_graph_and_the_problems(config, upstream):
    config = with_graph(config, built_in(n3={"model": "hello"}))
    request = ImageRequest(prompt="a red kite", seed=3)
    graph, problems = ENGINE.dry_run(config, request)
    assert (graph["6"]["inputs"]["text"], graph["3"]["inputs"]["seed"]) == ("a red kite", 3)
    assert {one.code for one in problems} == {"text_instead_of_link"}
    assert upstream.asked("/prompt", "POST") == []


def test_a_server_without_checkpoints_is_told_before_drawing(config, upstream):
    upstream.always(in_json({}), path="/object_info/CheckpointLoaderSimple", method="GET")
    with pytest.raises(ConfigurationError, match="no checkpoint"):
        draw(ENGINE, config, **SMALL)
    with pytest.raises(ConfigurationError, match="no checkpoint"):
        ENGINE.check(config)


def test_nobody_there():
    from tests.upstream import unused_port

    config = EngineConfig(url=f"http://127.0.0.1:{unused_port()}")
    for call in (lambda: draw(ENGINE, config, model="x"), lambda: ENGINE.check(config), lambda: ENGINE.models(config)):
        with pytest.raises(NetworkError) as caught:
            call()
        assert caught.value.retryable
