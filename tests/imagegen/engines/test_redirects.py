"""A picture server that redirects: the error names the target."""

import pytest

from imagegen import engine_tests, rows
from imagegen.engines import ENGINES
from providers.errors import ConfigurationError
from tests.imagegen.drawing import draw
from tests.imagegen.engines.test_quoted_secrets import KINDS
from tests.upstream import redirect

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kind", KINDS)
def test_drawing_and_testing_tell_where_an_address_leads(make_engine, upstream, kind):
    values = {**KINDS[kind]}
    values["url"] = values["url"].format(v1=upstream.url, origin=upstream.origin)
    row = make_engine(kind=kind, secret="user:k", options={}, **values)
    for method in ("GET", "POST"):
        upstream.always(redirect("https://new.example/pictures?key=a"), path="", method=method)
    with pytest.raises(ConfigurationError, match=r"https://new\.example/pictures") as refused:
        draw(ENGINES[kind], rows.config_of(row))
    assert refused.value.code == "redirected"
    assert "https://new.example/pictures" in engine_tests.check(row).message
