"""The style sheet with the accent, and the logo, which every page loads. Anybody may see them."""

import base64
import json
from functools import lru_cache

from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import reverse
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


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """What a device installs as an app: the site's name, colour and icons, and what others may share with it."""
    look = site()
    icon = f"{reverse('site_icon')}?v={look.version}"
    icons = [{"src": icon, "sizes": "any", "type": "image/svg+xml", "purpose": "any maskable"}]
    if not look.accent and not look.logo:
        icons += [
            {"src": static(f"app/icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": "any"}
            for size in ICON_SIZES
        ]
    elif look.logo:
        icons.append({"src": look.logo_url, "sizes": "256x256", "type": "image/png", "purpose": "any"})
    accent = look.accent or OWN_COLOURS[1]
    files = [{"name": "files", "accept": ["image/*", "text/plain", "application/pdf"]}]
    content = {
        "name": look.name,
        "short_name": look.name[:12],
        "id": "/",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "theme_color": accent,
        "background_color": PAPER,
        "icons": icons,
        "share_target": {
            "action": "/share",
            "method": "POST",
            "enctype": "multipart/form-data",
            "params": {"title": "title", "text": "text", "url": "url", "files": files},
        },
    }
    response = HttpResponse(json.dumps(content), content_type="application/manifest+json")
    response["Cache-Control"] = SHORTLY
    return response


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """The logo on a ground that reaches every edge: devices cut their own shape out of it."""
    look = site()
    if look.logo:
        kind, drawing = "image/png", look.logo
    else:
        kind, drawing = "image/svg+xml", tinted(look.accent).encode()
    address = f"data:{kind};base64,{base64.b64encode(drawing).decode()}"
    picture = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512" width="512" height="512">'
        f'<rect width="512" height="512" fill="{PAPER}"/>'
        f'<image href="{address}" x="106" y="106" width="300" height="300"/></svg>'
    )
    return _cached(request, HttpResponse(picture, content_type="image/svg+xml"))


PAPER = "#fdfcfa"  # the ground of the pages, `--bg` of static/css/common/tokens.css
ICON_SIZES = (192, 512)  # of static/app
OWN_COLOURS = ("#2b8d9b", "#084b55")  # of static/logo.svg


@lru_cache(maxsize=1)
def _drawing() -> str:
    with open(str(finders.find("logo.svg"))) as file:
        return file.read()


def _cached(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = FOREVER if request.GET.get("v") == site().version else SHORTLY
    return response
