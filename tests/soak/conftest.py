"""The installation that is put under load: one connection, to the scripted upstream, and one administrator."""

import resource

import pytest

from tests.chat.test_processes import environment  # noqa: F401  a fixture


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """The variables of a site with this database, with all tables and no row."""
    if request.param == "sqlite":
        return {}
    return {"DATABASE_URL": request.getfixturevalue("postgres_url")}


@pytest.fixture(autouse=True, scope="session")
def _many_descriptors():
    """Clients and upstream are in this process: a thousand of each open more than the usual soft limit allows."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
