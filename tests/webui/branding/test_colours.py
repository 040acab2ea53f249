"""Contrast of every text on every surface, light and dark, with the default and any other accent."""

import re

import pytest

from tests.fixtures.process import ROOT
from webui.branding import colours
from webui.branding.colours import DISCERNIBLE, READABLE, contrast, parsed

STYLES = ROOT / "static" / "css"
TOKENS = (STYLES / "common" / "tokens.css").read_text()
PAIRS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"(--[a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", TOKENS)
}
SURFACES = ("--bg", "--bg-sunken", "--surface", "--surface-raised", "--bubble", "--hover", "--selected")
STANDS_ON = {
    **dict.fromkeys(("--text", "--text-muted"), SURFACES),
    **dict.fromkeys(("--accent", "--accent-hover"), (*SURFACES[:6], "--accent-soft")),
    **{f"--{name}": (*SURFACES[:6], f"--{name}-soft") for name in ("danger", "warn", "ok")},
    **{name: ("--code-bg",) for name in PAIRS if re.match("--code-(?!bg|inline)", name)},
    "--toast-text": ("--toast", "--toast-hover"),
    "--toast-action": ("--toast", "--toast-hover"),
    "--on-accent": ("--accent-fill", "--accent-fill-hover"),
}
ACCENTS = ["#0b6471", "#ffd400", "#000000", "#ffffff", "#777777", "#d13438", "#00ff66", "#2200ff", "#ff7a00", "#8f8f00"]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("text", STANDS_ON)
def test_every_text_can_be_read_on_every_surface_it_stands_on(text, theme):
    for surface in STANDS_ON[text]:
        assert contrast(parsed(PAIRS[text][theme]), parsed(PAIRS[surface][theme])) >= READABLE, surface


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("line", ["--border-strong", "--accent", "--danger"])
def test_borders_of_fields_and_focus_rings_can_be_made_out(line, theme):
    for surface in SURFACES:
        assert contrast(parsed(PAIRS[line][theme]), parsed(PAIRS[surface][theme])) >= DISCERNIBLE, surface


def test_raised_surfaces_are_lighter_in_the_dark():
    heights = ("--bg-sunken", "--bg", "--surface", "--surface-raised")
    levels = [contrast(parsed(PAIRS[name][1]), (0, 0, 0)) for name in heights]
    assert levels == sorted(levels)
    assert len(set(levels)) == len(levels)


def test_the_style_sheet_has_the_accent_that_the_site_comes_with():
    for name, value in colours.tokens(colours.DEFAULT_ACCENT).items():
        assert f"  {name}: {value};" in TOKENS, name


def test_the_surfaces_that_accents_are_made_for_are_those_of_the_style_sheet():
    for theme, surfaces in enumerate((colours.LIGHT.surfaces, colours.DARK.surfaces)):
        known = {parsed(PAIRS[name][theme]) for name in SURFACES[:6]}
        assert set(surfaces) <= known


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("accent", ACCENTS)
def test_any_accent_gives_texts_and_buttons_that_can_be_read(accent, theme):
    made = {name: re.findall(r"#[0-9a-f]{6}", value)[theme] for name, value in colours.tokens(accent).items()}
    for background in ("--accent-fill", "--accent-fill-hover"):
        assert contrast(parsed(made["--on-accent"]), parsed(made[background])) >= READABLE
    for surface in [made["--accent-soft"], *(PAIRS[name][theme] for name in SURFACES[:6])]:
        for text in ("--accent", "--accent-hover"):
            assert contrast(parsed(made[text]), parsed(surface)) >= READABLE, surface
    assert made["--on-accent"] in ("#000000", "#ffffff")


@pytest.mark.parametrize("accent", ACCENTS)
def test_white_can_be_read_on_the_buttons_of_the_administration(accent):
    shades = colours.shades(accent)
    for name in ("600", "700", "800", "900", "950"):
        assert contrast((255, 255, 255), parsed(shades[name])) >= READABLE, name


def test_what_stands_on_the_accent_stands_on_its_fill():
    """`--accent` is made for texts: what is filled with it would have the wrong colour on it. A mark that a box draws
    on itself (`::before`) stands on the fill of the box."""
    for path in STYLES.rglob("*.css"):
        rules = re.findall(r"([^{};]+)\{([^{}]*)\}", path.read_text())
        for selector, block in rules:
            if "var(--on-accent)" in block:
                box = selector.split("::")[0].strip()
                filled = [b for name, b in rules if name.strip() == box and "background: var(--accent-fill" in b]
                assert filled, (path, selector)


# The tokens themselves, and pages with the colours of Unfold and Swagger UI.
OTHERS_COLOURS = {"tokens.css", "admin.css", "explain.css", "look_preview.css", "docs.css"}


def test_every_colour_of_the_pages_is_a_token():
    for path in STYLES.rglob("*.css"):
        if path.name in OTHERS_COLOURS:
            continue
        written = re.findall(r":[^;{}]*?(#[0-9a-fA-F]{3,8}|\brgba?\()[^;{}]*;", path.read_text())
        assert set(written) <= {"#fff", "#000", "rgb("}, path
