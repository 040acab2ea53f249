"""The placeholder engine: content, equal pictures for equal seeds, edits, masks, progress."""

import io
import threading

import pytest
from PIL import Image

from imagegen.engines import scenery
from imagegen.engines.base import Cancelled, EngineConfig, Run
from imagegen.engines.placeholder import Placeholder
from imagegen.pictures import accept, accept_mask
from providers.errors import BadRequest
from tests.imagegen.drawing import LONG_AGO, draw

QUICK = EngineConfig(options={"step_seconds": 0}, steps=2)
ENGINE = Placeholder()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def plain(width: int = 96, height: int = 64, colour="white"):
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return accept(out.getvalue())


def mask_of(width: int, height: int, hole: tuple[int, int, int, int]) -> bytes:
    mask = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), hole)
    out = io.BytesIO()
    mask.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(("size", "expected"), [("", (768, 768)), ("auto", (768, 768)), ("160x96", (160, 96))])
def test_a_picture_has_the_requested_size(size, expected):
    [one] = draw(ENGINE, QUICK, size=size).pictures

    assert opened(one.content).size == expected
    assert one.content_type == "image/png"
    assert one.provenance["demo"] is True


def test_the_same_seed_is_the_same_picture_and_another_is_another():
    def content(seed: int, prompt: str = "a red kite") -> bytes:
        return draw(ENGINE, QUICK, size="96x96", seed=seed, prompt=prompt).pictures[0].content

    assert content(7) == content(7)
    assert content(7) != content(8)
    assert content(7) != content(7, "a blue kite")


def test_without_a_seed_one_is_chosen_and_told():
    [one] = draw(ENGINE, QUICK, size="96x96").pictures
    assert one.seed is not None

    [again] = draw(ENGINE, QUICK, size="96x96", seed=one.seed).pictures
    assert again.content == one.content


def test_several_pictures_have_seeds_in_a_row():
    assert [one.seed for one in draw(ENGINE, QUICK, n=3, size="64x64", seed=5).pictures] == [5, 6, 7]


def test_progress_counts_steps_and_shows_previews():
    drawing = draw(ENGINE, QUICK, n=2, steps=3, size="96x96")

    assert [step.step for step in drawing.progress] == [1, 2, 3, 4, 5, 6]
    assert {step.total for step in drawing.progress} == {6}
    assert drawing.progress[-1].fraction == 1
    assert opened(drawing.progress[0].preview).format == "JPEG"


def test_an_edit_without_a_mask_changes_the_whole_picture_and_keeps_its_size():
    source = plain(96, 64, "red")

    [one] = draw(ENGINE, QUICK, images=(source,), seed=1).pictures

    assert opened(one.content).size == (96, 64)
    assert opened(one.content).getpixel((90, 5)) != (255, 0, 0)


def test_an_edit_with_a_mask_changes_only_what_is_transparent():
    source = plain(200, 200)
    mask = accept_mask(mask_of(200, 200, (60, 60, 140, 120)), source)

    [one] = draw(ENGINE, QUICK, images=(source,), mask=mask, seed=1).pictures

    picture = opened(one.content)
    assert picture.getpixel((190, 40)) == (255, 255, 255)
    assert picture.getpixel((100, 90)) != (255, 255, 255)


def test_further_input_pictures_are_shown_small():
    source = plain(240, 240)

    [alone] = draw(ENGINE, QUICK, images=(source,), seed=1).pictures
    [more] = draw(ENGINE, QUICK, images=(source, plain(60, 60, "red")), seed=1).pictures

    assert opened(alone.content).getpixel((210, 30)) != opened(more.content).getpixel((210, 30))


@pytest.mark.parametrize(
    "prompt", ["一只红色的风筝", "赤い凧と山", "красный змей", "🚀🚀", "a\x00b\nc", "x" * 3000, "ｗｉｄｅ"]
)
def test_any_text_can_be_drawn(prompt):
    assert len(draw(ENGINE, QUICK, prompt=prompt, size="128x128").pictures) == 1


@pytest.mark.parametrize("size", ["16x16", "16x400", "400x16"])
def test_any_shape_can_be_drawn(size):
    [one] = draw(ENGINE, QUICK, size=size).pictures

    assert "x".join(map(str, opened(one.content).size)) == size


def test_lines_are_broken_at_spaces_and_between_wide_letters():
    font = scenery._default_font(20)

    words = list(scenery._wrapped("one two three four", font, int(font.getlength("one two "))))
    wide = list(scenery._wrapped("漢字漢字漢字", font, int(font.getlength("漢字漢"))))

    assert words == ["one two", "three", "four"]
    assert "".join(wide) == "漢字漢字漢字"
    assert len(wide) > 1


def test_cancelling_ends_the_run_at_once():
    run, raised = Run(), []

    def go() -> None:
        try:
            draw(ENGINE, EngineConfig(options={"step_seconds": 3600}), run, size="64x64")
        except Cancelled as error:
            raised.append(error)

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    run.cancel()

    thread.join(LONG_AGO)
    assert raised


@pytest.mark.parametrize(
    ("wish", "param"), [({"params": {"quality": "high"}}, "quality"), ({"size": "8000x4000"}, "size")]
)
def test_what_it_cannot_do_is_refused(wish, param):
    with pytest.raises(BadRequest) as caught:
        draw(ENGINE, QUICK, **wish)

    assert caught.value.param == param


def test_it_says_that_it_is_a_demo():
    assert ENGINE.demo
    assert ENGINE.check(QUICK)
    assert ENGINE.models(QUICK) == []
