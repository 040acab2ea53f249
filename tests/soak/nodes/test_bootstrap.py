"""Two machines that start for the first time, with one database."""

from tests.test_start import ADMIN, COUNTS, bootstrap_at_once


def test_two_machines_that_bootstrap_one_postgresql_agree(server_process, empty_postgres_url):
    import psycopg

    env = {**ADMIN, "DATABASE_URL": empty_postgres_url, "WEBUI_DEMO": "false", "SECRET_KEY": "one for both"}
    env |= {"OPENAI_API_BASE_URLS": "http://127.0.0.1:9/v1", "OPENAI_API_KEYS": "k"}
    first, second = server_process(env=env), server_process(env=env)
    bootstrap_at_once([first, second])
    with psycopg.connect(empty_postgres_url) as database:
        assert database.execute(COUNTS).fetchone() == (1, 1)
