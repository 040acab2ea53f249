"""ComfyUI graphs: parsing, guessed node maps, filling, and checks with and without a server's node list."""

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen import workflow
from imagegen.workflow.graph import in_order
from providers.errors import ConfigurationError
from tests.imagegen.graphs import ALPHA_INPAINT, CONTROLNET, FLUX, UI_FORMAT_NEW, UI_FORMAT_OLD, node
from tests.upstream.comfyui.nodes import object_info

NEW = workflow.Installed(object_info())
OLD = workflow.Installed(object_info(old=True))
SERVERS = pytest.mark.parametrize("installed", [None, NEW, OLD], ids=["no server", "COMBO", "list first"])


def default(purpose: workflow.Purpose = "generate", **changes: dict[str, Any]) -> workflow.Graph:
    """The built-in graph with a checkpoint that exists and some inputs changed, by node id."""
    graph = workflow.default_graph(purpose)
    graph["4"]["inputs"]["ckpt_name"] = "dream.safetensors"
    for node_id, inputs in changes.items():
        graph[node_id.removeprefix("n")]["inputs"].update(inputs)
    return graph


def codes(graph: workflow.Graph, installed: workflow.Installed | None = NEW) -> list[tuple[str, str, str]]:
    nodes = workflow.guess_nodes(graph, installed)
    return [(one.code, one.node_id, one.input_name) for one in workflow.check(graph, nodes, installed) if one.fatal]


def places(nodes: list[workflow.NodeValue]) -> dict[str, list[tuple[str, str]]]:
    return {kind: workflow.mapped(nodes, kind) for kind in workflow.DEFAULT_KEYS if workflow.mapped(nodes, kind)}


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", [UI_FORMAT_OLD, UI_FORMAT_NEW], ids=["old editor", "new editor"])
def test_the_editors_own_format_is_recognised_and_the_way_out_is_named(file):
    with pytest.raises(ConfigurationError) as caught:
        workflow.parse(json.dumps(file))

    assert caught.value.code == "invalid_workflow"
    assert "Export (API)" in caught.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("{}", "empty"),
        ('{"3": {"class_type": "KSampler"', "line 1, column 32"),
        ("[1, 2]", "JSON object"),
        (b"\x89PNG\r\n\x1a\n", "not a text file"),
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        (b'{"3":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        ('{"3": {"class_type": "KSampler", "inputs": {"seed": %s}}}' % ("9" * 5000), "cannot be stored"),
        (r'{"3": {"class_type": "KSampler", "inputs": {"text": "\u0000"}}}', "cannot be stored"),
        ('{"3": {"inputs": {}}}', "Node 3 has no class_type"),
        ('{"3": 5}', "Node 3 has no class_type"),
        ('{"3": {"class_type": "KSampler", "inputs": []}}', "inputs of node 3"),
    ],
)
def test_what_is_no_workflow_is_refused_in_words(text, words):
    with pytest.raises(ConfigurationError) as caught:
        workflow.parse(text)
    assert words in caught.value.message


def test_a_prompt_body_is_unwrapped_and_what_a_node_does_not_need_is_left_out():
    body = {"client_id": "x", "prompt": {"1:2": node("SaveImage", images=["3", 0]) | {"is_changed": [float("nan")]}}}

    graph = workflow.parse(json.dumps(body))

    assert graph == {"1:2": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}, "_meta": {}}}
    json.dumps(graph, allow_nan=False)


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_reading_anything_ends_in_a_graph_or_in_words(value):
    with contextlib.suppress(ConfigurationError):
        graph = workflow.parse(json.dumps(value))
        workflow.check(graph, workflow.guess_nodes(graph))


# --- the node map -----------------------------------------------------------------------------------------------------


def test_node_ids_may_be_a_list_or_a_text_and_keys_have_defaults():
    nodes = workflow.read_nodes(
        [
            {"type": "prompt", "node_ids": "6, 7", "key": ""},
            {"type": "seed", "node_ids": [3], "key": "noise_seed"},
            {"type": "", "node_ids": ["9"], "key": "filename_prefix", "value": "mine"},
            {"type": "model", "node_ids": "", "key": "ckpt_name"},
        ]
    )

    assert [(line.type, line.node_ids, line.key, line.value) for line in nodes] == [
        ("prompt", ("6", "7"), "text", None),
        ("seed", ("3",), "noise_seed", None),
        ("", ("9",), "filename_prefix", "mine"),
    ]
    assert workflow.read_nodes(line.as_dict() for line in nodes) == nodes


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"type": "promt", "node_ids": ["6"]}, "“promt”"),
        ({"type": "", "node_ids": ["6"], "value": 1}, "names no input"),
        ("prompt", "not an object"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_by_its_number(line, words):
    with pytest.raises(ConfigurationError) as caught:
        workflow.read_nodes([{"type": "seed", "node_ids": ["3"]}, line])
    assert words in caught.value.message
    assert "Line 2" in caught.value.message


def test_values_are_written_into_a_copy_and_null_is_never_written():
    graph = default()
    nodes = workflow.read_nodes(
        [
            *(line.as_dict() for line in workflow.guess_nodes(graph)),
            {"type": "", "node_ids": ["9"], "key": "filename_prefix", "value": "mine"},
            {"type": "", "node_ids": ["3"], "key": "cfg", "value": None},
        ]
    )

    filled = workflow.fill(graph, nodes, {"prompt": "a boat", "negative_prompt": None, "seed": 7, "width": 768})

    assert filled["6"]["inputs"]["text"] == "a boat"
    assert filled["7"]["inputs"]["text"] == ""
    assert filled["3"]["inputs"]["seed"] == 7
    assert filled["3"]["inputs"]["cfg"] == 7.0
    assert filled["5"]["inputs"] == {"width": 768, "height": 512, "batch_size": 1}
    assert filled["9"]["inputs"]["filename_prefix"] == "mine"
    assert graph["6"]["inputs"]["text"] == ""


def test_the_nth_picture_goes_to_the_nth_node_and_the_rest_keep_theirs():
    graph = workflow.parse({one: node("LoadImage", image="own.png") for one in "123"})
    nodes = workflow.read_nodes([{"type": "image", "node_ids": ["2", "1"]}, {"type": "image", "node_ids": ["3"]}])

    filled = workflow.fill(graph, nodes, {"image": ["a.png", "b.png"]})

    assert [filled[one]["inputs"]["image"] for one in "123"] == ["b.png", "a.png", "own.png"]


def test_a_plain_list_is_wrapped_because_the_server_would_take_it_for_a_link():
    graph = workflow.parse({"1": node("Curve", points=0)})
    nodes = workflow.read_nodes([{"type": "", "node_ids": ["1"], "key": "points", "value": [1, 2]}])
    assert workflow.fill(graph, nodes, {})["1"]["inputs"]["points"] == {"__value__": [1, 2]}


def test_a_map_that_names_a_missing_node_is_refused():
    with pytest.raises(ConfigurationError, match="node 77"):
        workflow.fill(default(), workflow.read_nodes([{"type": "prompt", "node_ids": ["77"]}]), {"prompt": "x"})


# --- guessing ---------------------------------------------------------------------------------------------------------


@SERVERS
def test_the_built_in_graphs_map_themselves(installed):
    common = {
        "model": [("4", "ckpt_name")],
        "prompt": [("6", "text")],
        "negative_prompt": [("7", "text")],
        "steps": [("3", "steps")],
        "seed": [("3", "seed")],
    }
    size = {side: [("5", side)] for side in ("width", "height")}
    assert places(workflow.guess_nodes(default(), installed)) == common | size | {"n": [("5", "batch_size")]}

    size = {side: [("11", side)] for side in ("width", "height")}
    edit = common | size | {"n": [("13", "amount")], "image": [("10", "image")]}
    assert places(workflow.guess_nodes(default("edit"), installed)) == edit

    size = {side: [("11", side), ("16", side)] for side in ("width", "height")}
    inpaint = edit | size | {"mask": [("14", "image")]}
    assert places(workflow.guess_nodes(default("inpaint"), installed)) == inpaint


@SERVERS
def test_custom_sampling_is_followed_through_guider_noise_sigmas_and_primitives(installed):
    assert places(workflow.guess_nodes(workflow.parse(FLUX), installed)) == {
        "model": [("12", "unet_name")],
        "prompt": [("31", "value")],
        "width": [("30", "value")],
        "height": [("5", "height")],
        "n": [("5", "batch_size")],
        "steps": [("17", "steps")],
        "seed": [("25", "noise_seed")],
    }


@SERVERS
def test_controlnet_keeps_the_sides_apart_and_two_passes_share_seed_and_steps(installed):
    assert places(workflow.guess_nodes(workflow.parse(CONTROLNET), installed)) == {
        "model": [("1", "ckpt_name")],
        "prompt": [("3", "text")],
        "negative_prompt": [("4", "text")],
        "width": [("8", "width")],
        "height": [("8", "height")],
        "n": [("8", "batch_size")],
        "steps": [("9", "steps"), ("11", "steps")],
        "seed": [("9", "seed"), ("11", "seed")],
        "image": [("5", "image")],
    }


def test_a_zeroed_negative_side_is_no_place_for_a_negative_prompt():
    found = places(workflow.guess_nodes(workflow.parse(ALPHA_INPAINT)))
    assert found["prompt"] == [("2", "text")]
    assert "negative_prompt" not in found
    assert "width" not in found


def test_a_mask_that_comes_with_the_picture_is_seen():
    assert workflow.mask_is_in_picture(workflow.parse(ALPHA_INPAINT), "4")
    assert not workflow.mask_is_in_picture(default("edit"), "10")


def test_what_has_two_readings_stays_open():
    graph = workflow.parse(CONTROLNET)
    graph["11"]["inputs"]["steps"] = 10
    graph["20"] = workflow.parse({"20": node("ConditioningCombine", conditioning_1=["3", 0], conditioning_2=["4", 0])})[
        "20"
    ]
    graph["7"]["inputs"]["positive"] = ["20", 0]

    found = places(workflow.guess_nodes(graph))

    assert "steps" not in found
    assert "prompt" not in found
    assert found["negative_prompt"] == [("4", "text")]


# --- checking ---------------------------------------------------------------------------------------------------------


@SERVERS
@pytest.mark.parametrize("graph", [default(), default("edit"), default("inpaint"), FLUX, CONTROLNET, ALPHA_INPAINT])
def test_good_graphs_have_no_problems(graph, installed):
    assert codes(workflow.parse(graph), installed) == []


@pytest.mark.parametrize("installed", [None, NEW], ids=["no server", "server"])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"n9": {"images": "hello"}}, ("text_instead_of_link", "9", "images")),
        ({"n3": {"model": 4}}, ("text_instead_of_link", "3", "model")),
        ({"n9": {"images": ["8", 0, 0]}}, ("bad_linked_input", "9", "images")),
        ({"n9": {"images": [8, 0]}}, ("bad_linked_input", "9", "images")),
        ({"n8": {"samples": ["99", 0]}}, ("unknown_link", "8", "samples")),
    ],
)
def test_broken_links_are_found_with_and_without_a_server(changes, expected, installed):
    assert expected in codes(default(**changes), installed)


def test_a_circle_is_named_node_by_node():
    graph = default(n6={"clip": ["8", 0]})
    (problem,) = [one for one in workflow.check(graph) if one.code == "dependency_cycle"]
    assert "Prompt (6)" in problem.message
    assert "VAEDecode (8)" in problem.message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"n4": {"ckpt_name": "gone.safetensors"}}, []),  # the request brings the model: no error yet
        ({"n3": {"sampler_name": "eulr"}}, [("value_not_in_list", "3", "sampler_name")]),
        ({"n3": {"cfg": "much"}}, [("invalid_input_type", "3", "cfg")]),
        ({"n3": {"cfg": -1}}, [("value_smaller_than_min", "3", "cfg")]),
        ({"n5": {"width": 99999}}, [("value_bigger_than_max", "5", "width")]),
        ({"n8": {"samples": ["4", 0]}}, [("return_type_mismatch", "8", "samples")]),
        ({"n8": {"samples": ["3", 1]}}, [("unknown_link", "8", "samples")]),
    ],
)
@pytest.mark.parametrize("installed", [NEW, OLD], ids=["COMBO", "list first"])
def test_a_servers_list_finds_values_that_it_would_refuse(changes, expected, installed):
    assert codes(default(**changes), installed) == expected


def test_missing_classes_inputs_and_outputs_are_found():
    graph = default()
    graph["3"]["class_type"] = "FancySampler"
    assert ("missing_node_type", "3", "") in codes(graph)

    graph = default()
    del graph["8"]["inputs"]["vae"]
    assert codes(graph) == [("required_input_missing", "8", "vae")]

    graph = default()
    del graph["9"]
    assert codes(graph) == [("prompt_no_outputs", "", "")]


def test_nodes_that_no_output_depends_on_are_not_looked_into():
    graph = default()
    graph["50"] = workflow.parse({"50": node("KSampler", model="hello")})["50"]
    assert codes(graph) == []


def test_warnings_name_what_would_come_out_otherwise_than_meant():
    graph = default("edit")
    nodes = workflow.read_nodes(
        [{"type": "prompt", "node_ids": ["6"], "key": "txt"}, {"type": "width", "node_ids": ["13"], "key": "samples"}]
    )
    warnings = {one.code for one in workflow.check(graph, nodes, NEW) if not one.fatal}
    assert warnings == {"unknown_input", "link_replaced", "seed_not_mapped", "picture_not_mapped"}
    assert [one.code for one in workflow.check(graph, [], NEW) if one.code.startswith("prompt_")] == [
        "prompt_not_mapped"
    ]


def test_every_message_is_filled_in():
    graph = default(n9={"images": "hello %s"}, n3={"sampler_name": "x%"}, n8={"samples": ["4", 9]})
    for problem in workflow.check(graph, workflow.guess_nodes(graph), NEW):
        assert "%(" not in problem.message


# --- models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("installed", [NEW, OLD], ids=["COMBO", "list first"])
def test_models_come_from_the_loaders_choice_in_both_forms(installed):
    assert installed.model_choices("CheckpointLoaderSimple") == ("dream.safetensors", "sdxl/base.safetensors")
    assert installed.model_choices("UNETLoader") == ("flux.safetensors",)
    assert installed.model_choices("UNETLoader", "weight_dtype") == ("default", "fp8_e4m3fn")
    assert installed.model_choices("KSampler", "nothing") == ("euler", "euler_ancestral", "dpmpp_2m")
    assert installed.model_choices("NotThere") == ()


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["A", "B"]),
        st.recursive(
            st.none() | st.text(max_size=5),
            lambda v: (
                st.lists(v, max_size=3)
                | st.dictionaries(st.sampled_from(["input", "required", "output", "ckpt_name"]), v)
            ),
            max_leaves=8,
        ),
    )
)
def test_a_strange_list_of_nodes_breaks_nothing(object_info):
    installed = workflow.Installed(object_info)
    graph = workflow.parse(copy.deepcopy({"1": node("A", x=["2", 0]), "2": node("B", ckpt_name="x")}))
    workflow.check(graph, workflow.guess_nodes(graph, installed), installed)
    installed.model_choices("B")


def test_ids_of_nodes_may_be_any_text():
    ids = {"10", "9", "a", "\N{SUPERSCRIPT TWO}", "9" * 5000}
    assert in_order(ids) == ["9", "10", "9" * 5000, "a", "\N{SUPERSCRIPT TWO}"]
    graph = {node_id: {"class_type": "KSampler", "inputs": {}} for node_id in ids}
    assert workflow.guess_nodes(workflow.parse(json.dumps(graph))) == []
