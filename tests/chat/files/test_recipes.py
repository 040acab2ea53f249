"""Recipes: a picture that this site made leaves with it, only with its owner, and the way back is checked."""

import io
import json

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from chat import files, services
from chat.decoding import containers, recipe_texts
from chat.files import links, recipes
from chat.models import File
from tests.chat.files.test_rows import body, client_of, png, store

__all__ = ["store"]
MADE = {
    "job": "5f0e8f3e-0f6c-4d55-9f6c-2a1c3c6ad6f0",
    "engine": "Forge",
    "prompt": "一只鸟, at dawn",
    "negative_prompt": "text, people",
    "seed": 2**60,
    "steps": 20,
    "model": "sd_xl: base",
    "sampler_name": "Euler a",
    "cfg_scale": 7.0,
}
RECIPE = {
    **{name: MADE[name] for name in ("prompt", "negative_prompt", "model")},
    "seed": str(2**60),
    "steps": "20",
    "sampler": "Euler a",
    "guidance": "7.0",
    "size": "8x6",
}


def drawn(owner, content=b"", **made) -> File:
    return files.accept(owner, content or png(), context=files.FileContext(provenance={**MADE, **made}))


def shot(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(out, kind)
    return out.getvalue()


def text_of(content: bytes) -> str:
    """`parameters`, as a program finds it that reads AUTOMATIC1111's pictures."""
    with Image.open(io.BytesIO(content)) as image:
        if "parameters" in image.info:
            return image.info["parameters"]
        return image.getexif().get_ifd(0x8769).get(0x9286, b"")[8:].decode("utf-16-be")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_download_has_its_recipe_and_the_way_back_knows_it(db, alice, kind):
    row = drawn(alice, shot(kind))
    response = client_of(alice).get(f"{row.url}?download=1")
    content = body(response)
    assert int(response["Content-Length"]) == len(content)
    *prompts, members = text_of(content).split("\n")
    assert prompts == ["一只鸟, at dawn", "Negative prompt: text, people"]
    assert members.startswith(
        'Steps: 20, Sampler: Euler a, CFG scale: 7.0, Seed: 1152921504606846976, Size: 8x6, Model: "sd_xl'
    )
    assert recipe_texts.DRAWN.encode() in content
    assert b"Forge" not in content
    with Image.open(io.BytesIO(content)) as image, Image.open(io.BytesIO(shot(kind))) as before:
        assert image.tobytes() == before.tobytes()

    back = files.accept(alice, content)
    found = client_of(alice).get(f"/api/v1/files/{back.pk}/recipe").json()
    assert found == {"source": "ours", "recipe": RECIPE, "mark": recipe_texts.DRAWN, "made_here": True}


def test_a_signature_is_for_these_words_this_picture_and_this_site(db, alice, settings):
    content = body(client_of(alice).get(drawn(alice).url))
    kept = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [kept]
    assert recipes.read(files.accept(alice, content)).made_here
    settings.SECRET_KEY_FALLBACKS = []
    elsewhere = recipes.read(files.accept(alice, content))
    assert (elsewhere.made_here, elsewhere.source, elsewhere.recipe) == (False, "ours", RECIPE)
    settings.SECRET_KEY = kept

    xmp = containers.texts(content)[containers.XMP]
    told = containers.Words(xmp.replace("text, people", "text, horses"), "words")
    for picture, words in ((png(), told), (png(colour="blue"), containers.Words(xmp, "words"))):
        row = files.accept(alice, b"".join(containers.rewritten(picture, words)))
        found = recipes.read(row)
        assert (found.source, found.made_here) == ("ours", False)


def test_other_people_and_links_get_the_mark_alone(db, alice, bob, admin):
    row = drawn(alice, inputs=["x"])
    for client, address in ((client_of(admin), row.url), (client_of(alice), links.signed_address(row))):
        content = body(client.get(address))
        assert recipe_texts.EDITED.encode() in content
        assert b"dawn" not in content
        assert b"Signature" not in content
    assert client_of(bob).get(f"/api/v1/files/{row.pk}/recipe").status_code == 404


def test_nothing_is_written_where_the_person_switched_it_off(db, alice):
    info, out = PngInfo(), io.BytesIO()
    info.add_text("parameters", "by the engine")
    Image.new("RGB", (8, 6), "red").save(out, "PNG", pnginfo=info)
    row, client = drawn(alice, out.getvalue()), client_of(alice)
    known = client.get(row.url)["ETag"]
    services.set_preferences(alice.pk, {"recipes": False})
    response = client.get(row.url, headers={"if-none-match": known})
    assert (response.status_code, body(response)) == (200, png())
    services.set_preferences(alice.pk, {"recipes": None})
    assert client.get(row.url, headers={"if-none-match": known}).status_code == 304


def test_a_range_is_one_of_what_leaves_and_uploads_leave_as_they_came(db, alice):
    client, row = client_of(alice), drawn(alice)
    whole = body(client.get(row.url))
    part = client.get(row.url, headers={"range": "bytes=30-79"})
    assert (part.status_code, body(part)) == (206, whole[30:80])
    assert part["Content-Range"] == f"bytes 30-79/{len(whole)}"
    assert body(client.get(files.accept(alice, whole).url)) == whole
    claimed = files.accept(alice, png(), context=files.FileContext(provenance={"engine": "x", "prompt": "y"}))
    assert body(client.get(claimed.url)) == png()


GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 7,
            "steps": 9,
            "cfg": 4.5,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1,
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "private/flux.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 640, "height": 512, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["8", 0], "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blur", "clip": ["4", 1]}},
    "8": {"class_type": "PrimitiveString", "inputs": {"value": "a lighthouse"}},
    "9": {"class_type": "LoadImage", "inputs": {"image": "/home/someone/secret.png"}},
}
PAGE = {
    "nodes": [
        {"id": 3, "type": "KSampler", "widgets_values": [7, "fixed", 9, 4.5, "euler", "normal", 1]}
        | {
            "inputs": [
                {"name": "positive", "link": 1},
                {"name": "model", "link": 2},
                {"name": "latent_image", "link": 3},
            ]
        },
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["private/flux.safetensors"]},
        {"id": 5, "type": "EmptyLatentImage", "widgets_values": [640, 512, 1]},
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["a lighthouse"]},
    ],
    "links": [[1, 6, 0, 3, 1, "CONDITIONING"], [2, 4, 0, 3, 0, "MODEL"], [3, 5, 0, 3, 3, "LATENT"]],
}
COMFY = {
    "prompt": "a lighthouse",
    "seed": "7",
    "steps": "9",
    "guidance": "4.5",
    "sampler": "euler",
    "scheduler": "normal",
}
COMFY |= {"model": "private/flux.safetensors", "size": "640x512"}
INVOKE = {"positive_prompt": "a fox", "negative_prompt": "fog", "width": 64, "height": 32, "seed": 5, "steps": 3}
LOOP = {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["1", 0]}}
A1111 = (
    "a (red:1.2) fox\nin snow\nNegative prompt: fog,\nhaze\n"
    'Steps: 3, Sampler: DPM++ 2M, Seed: 5, Size: 64x32, Model: "a, b"'
)


@pytest.mark.parametrize(
    ("texts", "source", "recipe"),
    [
        ({"prompt": json.dumps(GRAPH), "workflow": "{}"}, "comfyui", {**COMFY, "negative_prompt": "blur"}),
        ({"workflow": json.dumps(PAGE)}, "comfyui", COMFY),
        (
            {"invokeai_metadata": json.dumps({**INVOKE, "model": {"name": "m", "key": "k"}})},
            "invokeai",
            {"prompt": "a fox", "negative_prompt": "fog", "seed": "5", "steps": "3", "size": "64x32", "model": "m"},
        ),
        (
            {"sd-metadata": json.dumps({"model_weights": "m", "image": {"prompt": [{"prompt": "a fox"}], "seed": 5}})},
            "invokeai",
            {"prompt": "a fox", "seed": "5", "model": "m"},
        ),
        (
            {"parameters": A1111},
            "automatic1111",
            {"prompt": "a (red:1.2) fox\nin snow", "negative_prompt": "fog,\nhaze", "steps": "3", "sampler": "DPM++ 2M"}
            | {"seed": "5", "size": "64x32", "model": "a, b"},
        ),
        ({"prompt": '{"a":' * 50_000, "invokeai_metadata": "[1]", "parameters": "words"}, None, {}),
        ({"prompt": json.dumps({"1": LOOP})}, "comfyui", {"seed": "1"}),
    ],
)  # fmt: skip
def test_a_recipe_of_another_program_is_read_without_its_workflow(db, alice, texts, source, recipe):
    info, out = PngInfo(), io.BytesIO()
    for name, text in texts.items():
        info.add_text(name, text, zip=len(text) > 1000)
    Image.new("RGB", (8, 6)).save(out, "PNG", pnginfo=info)
    row = files.accept(alice, out.getvalue())
    found = client_of(alice).get(f"/api/v1/files/{row.pk}/recipe").json()
    assert found == {"source": source, "recipe": recipe, "mark": "", "made_here": False}
