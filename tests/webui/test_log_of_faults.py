"""Log lines of a provider's fault: one a minute, without a traceback."""

import logging
import traceback

import pytest

from providers.errors import GatewayError, NetworkError, ProviderError, UpstreamTimeout
from webui.logs import OncePerMinute


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


def by_uvicorn(error):
    info = (type(error), error, error.__traceback__)
    return logging.LogRecord("uvicorn.error", logging.ERROR, "x", 1, "Exception in ASGI application\n", (), info)


def by_daphne(error):
    """A log record as daphne writes it, with the traceback in the text."""
    text = "Exception inside application: %s\n%s%s"
    args = (error, "".join(traceback.format_tb(error.__traceback__)), f"  {error}")
    return logging.LogRecord("daphne.server", logging.ERROR, "x", 1, text, args, None)


@pytest.mark.parametrize("server", [by_uvicorn, by_daphne])
@pytest.mark.parametrize("kind", [NetworkError, UpstreamTimeout, ProviderError])
def test_an_answer_that_is_broken_off_is_a_line_without_a_traceback(server, kind):
    log = OncePerMinute()
    record = server(raised(kind("The provider closed the connection.")))
    assert log.filter(record)
    text = logging.Formatter().format(record)
    assert "\n" not in text
    assert "Traceback" not in text
    assert kind.code in text
    assert not log.filter(server(raised(kind("The provider closed the connection."))))  # within the minute
    assert log.filter(server(raised(kind("Another one.", code="another"))))


@pytest.mark.parametrize("error", [GatewayError("Something went wrong."), ValueError("ours")])
def test_our_own_mistakes_keep_their_tracebacks(error):
    record = by_uvicorn(raised(error))
    assert OncePerMinute().filter(record)
    assert "Traceback" in logging.Formatter().format(record)
