"""Icons, and buttons around them, of the library `ui`."""

from functools import lru_cache
from typing import Any

from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString


def icon(name: str) -> SafeString:
    """One icon of the sprite, hidden from screen readers: the control around it carries the name."""
    return _drawn(name, _sprite())


@lru_cache(maxsize=1)
def _sprite() -> str:
    """A page shows hundreds of icons, and each address of a static file is looked up and joined anew."""
    return static("icons.svg")


@lru_cache(maxsize=256)
def _drawn(name: str, sprite: str) -> SafeString:
    """A page shows more than a hundred icons, of a few dozen kinds."""
    return format_html(
        '<svg class="icon icon-{}" aria-hidden="true"><use href="{}#{}"></use></svg>', name, sprite, name
    )


def icon_button(icons: str, label: str = "", **attributes: Any) -> SafeString:
    """A button that shows nothing but icons; `label` is its name, and its tooltip where no `title` is given.

    The further keywords are those of `_button`.
    """
    return _button(_icons(icons), {"kind": "button-icon", "aria_label": label, "title": label, **attributes})


def text_button(icons: str, label: str, **attributes: Any) -> SafeString:
    """A button that shows icons and its label. The further keywords are those of `_button`."""
    return _button(format_html("{}{}", _icons(icons), label), attributes)


def _button(inside: SafeString, attributes: dict[str, Any]) -> SafeString:
    """A `<button>`, or an `<a>` where `url` is given.

    `action`: what a script does when it is pressed (`data-action`). `url`: the name of an address that it leads to;
    with `boosted` htmx follows it, which changes the main part alone. `enabled`: whether it can be pressed.
    `needs_script`: it cannot until a script allows it, and never when the value is empty. `kind` and `class`: its
    classes besides `button`. Every further keyword is an attribute, `aria_pressed="false"`: True stands for its bare
    name, and what is empty is left out.
    """
    url = attributes.pop("url", "")
    if "needs_script" in attributes:
        attributes |= {"disabled": True, "data-ready": bool(attributes.pop("needs_script"))}
    if not attributes.pop("enabled", True):
        attributes["disabled"] = True
    if attributes.pop("boosted", False):
        attributes |= {"hx-boost": "true", "hx-target": "#main", "hx-sync": "#main:replace"}
    classes = ("button", attributes.pop("kind", ""), attributes.pop("class", ""))
    values = {
        "class": " ".join(filter(None, classes)),
        "href": reverse(url) if url else "",
        "type": "" if url else attributes.pop("type", "button"),
        "data-action": attributes.pop("action", ""),
        **attributes,
    }
    return SafeString("<{0}{1}>{2}</{0}>".format("a" if url else "button", _attributes(values), inside))


def _icons(names: str) -> SafeString:
    sprite = _sprite()
    return SafeString("".join([_drawn(name, sprite) for name in names.split()]))


def _attributes(values: dict[str, Any]) -> SafeString:
    """` aria-pressed="false" hidden` for `{"aria_pressed": "false", "hidden": True, "title": ""}`."""
    written = []  # by hand: `format_html` for each took a third of the time of a chat page
    for name, value in values.items():
        text = str(value) if isinstance(value, Promise) else value  # translated once, and not with each comparison
        if text not in (None, False, ""):  # the names are ours
            mark = "" if text is True else f'="{conditional_escape(text)}"'
            written.append(f" {name.replace('_', '-')}{mark}")
    return SafeString("".join(written))
