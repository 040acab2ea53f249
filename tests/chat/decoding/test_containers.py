"""What is written into a picture: every decoder shows the same pixels, and other readers find the words."""

import io
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from chat.decoding import containers, exif, recipe_texts, recipes
from chat.decoding.containers import BrokenContainer, Words

USER_COMMENT, EXIF_FOLDER, TURN = 0x9286, 0x8769, 0x0112
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=300).filter(
    lambda text: text == text.strip("\0 \ufeff")
)


@st.composite
def pictures(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(["PNG", "JPEG", "WEBP"]))
    mode = draw(
        st.sampled_from(
            {"PNG": ["RGB", "RGBA", "L", "P", "1"], "JPEG": ["RGB", "L", "CMYK"]}.get(kind, ["RGB", "RGBA"])
        )
    )
    size = (draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    noise = Image.frombytes("RGBA", size, draw(st.randoms(use_true_random=False)).randbytes(4 * size[0] * size[1]))
    image = noise.convert("RGB").convert(mode) if mode in ("P", "1", "CMYK") else noise.convert(mode)
    options: dict[str, object] = {"lossless": draw(st.booleans())} if kind == "WEBP" else {}
    if draw(st.booleans()):
        tags = Image.Exif()
        tags[TURN] = draw(st.integers(1, 8))
        options["exif"] = tags.tobytes()
    if kind == "PNG" and draw(st.booleans()):
        info = PngInfo()
        info.add_text("workflow", "a private graph")
        info.add_text("prompt", "another", zip=True)
        info.add_itxt("parameters", "old words", zip=draw(st.booleans()))
        options["pnginfo"] = info
    if kind == "JPEG":
        options |= {"progressive": draw(st.booleans()), "comment": b"old words"}
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue() + draw(st.sampled_from([b"", b"behind"]))


def pixels(content: bytes) -> tuple[str, tuple[int, int], bytes]:
    with Image.open(io.BytesIO(content)) as image:
        return image.mode, image.size, image.tobytes()


@settings(max_examples=25, deadline=None)
@given(pictures(), WORDS, WORDS)
def test_pixels_stay_and_words_are_found_by_pillow(content: bytes, parameters: str, prompt: str) -> None:
    xmp = recipe_texts.xmp_of(recipe_texts.DRAWN, recipe_texts.cleaned({"prompt": prompt}))
    made = b"".join(containers.rewritten(content, Words(xmp, parameters)) or [])
    assert pixels(made) == pixels(content)
    assert containers.digest(made) == containers.digest(content)
    assert b"private graph" not in made
    assert b"old words" not in made
    with Image.open(io.BytesIO(made)) as image, Image.open(io.BytesIO(content)) as before:
        assert image.getexif().get(TURN, 1) == before.getexif().get(TURN, 1)
        image.load()
        if image.format == "PNG":
            assert image.text["parameters"] == parameters
        else:
            comment = image.getexif().get_ifd(EXIF_FOLDER)[USER_COMMENT]
            assert comment == b"UNICODE\0" + parameters.encode("utf-16-be")
        stored = image.info["xmp"]
        assert (stored.encode() if isinstance(stored, str) else stored) == xmp.encode()
    texts = containers.texts(made)
    assert texts[containers.XMP] == xmp
    again = b"".join(containers.rewritten(made, Words()) or [])
    assert pixels(again) == pixels(content)
    assert not containers.texts(again).get(containers.XMP)


@settings(max_examples=60, deadline=None)
@given(pictures(), st.data())
def test_broken_files_are_refused_or_read_within_bounds(content: bytes, data: st.DataObject) -> None:
    broken = bytearray(content[: data.draw(st.integers(0, len(content)))])
    for at in data.draw(st.lists(st.integers(0, max(0, len(broken) - 1)), max_size=8)) if broken else ():
        broken[at] = data.draw(st.integers(0, 255))
    for work in (containers.texts, containers.digest, lambda file: containers.rewritten(file, Words("x", "y"))):
        try:
            work(bytes(broken))
        except BrokenContainer:
            continue
    exif.read(bytes(broken))
    assert recipes.recipe(bytes(broken), pixels=1)[1] == b""


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from([*recipe_texts.PROMPTS, *recipe_texts.FIELDS]), st.text(max_size=80)))
def test_a_recipe_comes_back_from_xmp_as_it_was_written(given_recipe: dict[str, str]) -> None:
    recipe = recipe_texts.cleaned(given_recipe)
    xmp = recipe_texts.xmp_of(recipe_texts.EDITED, recipe, "ab12")
    assert recipe_texts.from_xmp(xmp) == (recipe, "ab12", recipe_texts.EDITED)
    members = {name: text for name, text in recipe.items() if name not in recipe_texts.PROMPTS}
    read = recipe_texts.from_parameters(recipe_texts.parameters_of({**members, "prompt": "a hill"}, ""))
    assert read == {**members, "prompt": "a hill"}


def test_a_text_that_unpacks_to_too_much_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    out, info = io.BytesIO(), PngInfo()
    info.add_text("parameters", "x" * (containers.TEXT_BYTES + 1), zip=True)
    info.add(b"zTXt", b"prompt\0\0" + zlib.compress(b"y" * 50)[:-8])
    Image.new("RGB", (1, 1)).save(out, "PNG", pnginfo=info)
    assert not any(containers.texts(out.getvalue()).get(name) for name in ["parameters"])


def test_a_signed_manifest_stays_whole_without_a_recipe() -> None:
    out, info = io.BytesIO(), PngInfo()
    info.add(b"caBX", b"manifest")
    Image.new("RGB", (1, 1)).save(out, "PNG", pnginfo=info)
    assert containers.rewritten(out.getvalue(), Words(xmp="mark")) is None
    made = b"".join(containers.rewritten(out.getvalue(), Words("xmp", "words")) or [])
    assert b"caBX" in made
    assert b"words" in made
