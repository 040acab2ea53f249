"""Two nodes of one site."""

import pytest


@pytest.fixture
def two_nodes(server_process, environment, postgres_url, redis_url):
    """Starts two nodes with one database, one Redis, one store of files and the same secrets: `two_nodes("daphne")`."""

    def start(server, **env):
        env = {**environment, "DATABASE_URL": postgres_url, "REDIS_URL": redis_url, **env}
        first = server_process(server=server, env=env).start()
        return first, server_process(server=server, data_dir=first.data_dir, env=env).start()

    return start
