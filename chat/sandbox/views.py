"""Two documents for sandboxed frames. They hold nothing of anybody: what they show comes from the page around them.

Their policies keep what models wrote from this site's cookies and from fetching anything: `sandbox` gives each document
an origin of its own, also when it is opened by itself, and `default-src 'none'` lets nothing be fetched. Where
such a document may be led to is barred by the policy of the page around it (`default-src 'self'`).

Two ways out of a page are not barred, by which its scripts can tell others what they know: the page itself, and when
and where it is shown. No policy that browsers have covers WebRTC (https://www.w3.org/TR/CSP3/#directive-webrtc is not
built yet, and an error in Chromium's console): the page deletes its constructors, but a frame within it (`srcdoc`) has
them again. `<link rel="preconnect">` looks up a name and opens a connection; `X-DNS-Prefetch-Control` bars only
`dns-prefetch`.
"""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

NOTHING = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-scripts allow-forms; img-src data: blob:; style-src 'self' 'unsafe-inline'"
)
PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=(), clipboard-read=()"


@require_safe
def drawing(request: HttpRequest) -> HttpResponse:
    """Draws Mermaid's diagrams and shows pictures (SVG); its scripts are ours."""
    return _framed("sandbox/drawing.html", "script-src 'self'")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Becomes the page that it is sent, whose scripts run."""
    return _framed(
        "sandbox/page.html", "script-src 'unsafe-inline' 'unsafe-eval'; media-src data: blob:; font-src data:"
    )


def _framed(template: str, more: str) -> HttpResponse:
    response = HttpResponse(render_to_string(template))
    response["Content-Security-Policy"] = f"{NOTHING}; {more}"
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["Permissions-Policy"] = PERMISSIONS
    response["Referrer-Policy"] = "no-referrer"
    response["X-DNS-Prefetch-Control"] = "off"
    response["Cache-Control"] = "public, max-age=300"
    return response
