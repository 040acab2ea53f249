"""Those who wait, as in `tests/webui/serving/test_waits.py`, with the other pairs of database, server and lane."""

import pytest

from tests.webui.serving.test_waits import database_url, keep_nobody_out  # noqa: F401  a fixture


@pytest.mark.parametrize(
    ("database_url", "server", "lane"),
    [("postgresql", "uvicorn", "false"), ("sqlite", "daphne", "true"), ("sqlite", "uvicorn", "false")],
    indirect=["database_url"],
)
def test_who_waits_keeps_nobody_out_with_the_other_servers(server_process, upstream, database_url, server, lane):  # noqa: F811
    keep_nobody_out(server_process, upstream, database_url, server, lane)
