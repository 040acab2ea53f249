"""The style sheet with the accent, and the logo, which every page loads. Anybody may see them."""

from functools import lru_cache

from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from webui.branding import colours
from webui.branding.current import site

FOREVER = "public, max-age=31536000, immutable"
SHORTLY = "public, max-age=300"


@require_safe
def accent(request: HttpRequest) -> HttpResponse:
    """The style sheet with the colour tokens of the accent. Pages load it after `tokens.css`."""
    if not site().accent:
        raise Http404
    lines = "\n".join(f"  {name}: {value};" for name, value in colours.tokens(site().accent).items())
    return _cached(request, HttpResponse(f":root {{\n{lines}\n}}\n", content_type="text/css"))


@require_safe
def logo(request: HttpRequest) -> HttpResponse:
    """The uploaded logo, else the default logo in the accent."""
    if site().logo:
        return _cached(request, HttpResponse(site().logo, content_type="image/png"))
    return _cached(request, HttpResponse(tinted(site().accent), content_type="image/svg+xml"))


def tinted(accent: str) -> str:
    """The default logo, with a gradient from a lighter accent to the accent."""
    drawing = _drawing()
    if not accent:
        return drawing
    plain = colours.parsed(accent)
    ends = (colours.written(colours.mixed(plain, colours.WHITE, 0.25)), accent)
    for own, other in zip(OWN_COLOURS, ends, strict=True):
        drawing = drawing.replace(own, other)
    return drawing


OWN_COLOURS = ("#2b8d9b", "#084b55")  # of static/logo.svg


@lru_cache(maxsize=1)
def _drawing() -> str:
    with open(str(finders.find("logo.svg"))) as file:
        return file.read()


def _cached(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = FOREVER if request.GET.get("v") == site().version else SHORTLY
    return response
