"""Probes and metrics: /healthz, /readyz, /metrics."""

import pytest
import requests
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from tests.queries import assert_queries_do_not_grow
from webui.monitoring import metrics


def test_healthz_touches_no_database(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_probes_may_name_any_host(client):
    assert client.get("/healthz", headers={"Host": "10.0.0.7:8000"}).status_code == 200


@pytest.mark.django_db
def test_a_probe_that_names_any_host_learns_whether_the_site_is_ready(client):
    assert client.get("/readyz", headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_other_pages_do_not_answer_to_any_host(client):
    assert client.get("/accounts/login/", headers={"Host": "evil.example"}).status_code == 400


def test_probes_are_only_read(client):
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
def test_readyz_is_ready(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "checks": {"database": "ok", "migrations": "ok", "redis": "ok", "files": "ok"},
    }


@pytest.mark.django_db
def test_readyz_counts_the_migrations_that_wait(client):
    MigrationRecorder(connection).record_unapplied("webui", "0001_initial")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"].startswith("1 migrations wait")


@pytest.mark.django_db
def test_readyz_says_when_redis_is_away(client, settings):
    from tests.upstream import unused_port

    settings.REDIS_URL = f"redis://127.0.0.1:{unused_port()}/0"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["redis"] == "Redis does not answer"


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["exclude=redis,files", "exclude=redis&exclude=files"])
def test_a_balancer_keeps_nodes_whose_shared_store_is_away(client, settings, query):
    from tests.upstream import unused_port

    settings.REDIS_URL = f"redis://127.0.0.1:{unused_port()}/0"
    answer = client.get(f"/readyz?{query}")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["redis"] == "Redis does not answer"
    MigrationRecorder(connection).record_unapplied("webui", "0001_initial")
    assert client.get(f"/readyz?{query}").status_code == 503


def test_readyz_says_when_the_database_is_away(server_process):
    """A PostgreSQL that is not there: the process still answers, and says why it is not ready."""
    from tests.upstream import unused_port

    site = server_process(env={"DATABASE_URL": f"postgres://u@127.0.0.1:{unused_port()}/none"})
    words = "import webui.asgi; from django.test import RequestFactory; from webui.monitoring.health import readyz; "
    words += "answer = readyz(RequestFactory().get('/readyz')); print(answer.status_code, answer.content.decode())"
    done = site.manage("shell", "--verbosity", "0", "-c", words)
    assert done.stdout.startswith("503")
    assert "the database does not answer" in done.stdout


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def closed(settings):
    """/metrics as behind a proxy, where no request counts as one from this machine."""
    settings.BEHIND_PROXY = True


@pytest.mark.django_db
def test_metrics_are_for_this_machine(client):
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    assert "webui_replies_running 0.0" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-Ip"])
def test_what_came_through_a_proxy_did_not_come_from_this_machine(client, header):
    assert client.get("/metrics", headers={header: "203.0.113.9"}).status_code == 401


@pytest.mark.django_db
def test_metrics_are_not_for_the_world(client, closed):
    assert client.get("/metrics").status_code == 401


@pytest.mark.django_db
def test_metrics_are_for_administrators(client, closed, admin, alice):
    client.force_login(alice)
    assert client.get("/metrics").status_code == 401
    client.force_login(admin)
    assert client.get("/metrics").status_code == 200


@pytest.mark.django_db
def test_a_token_opens_the_metrics_and_nothing_else_does_then(client, settings):
    settings.METRICS_TOKEN = "let me see"
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer let me in"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer let me see"}).status_code == 200


def sample(text: str, start: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(start))


def test_requests_are_counted_by_area_on_both_entrances(site, connection, api_key):
    session = site.session(key=api_key)
    start = 'webui_requests_total{area="chat/completions",method="POST",status="200"}'
    before = sample(session.get(f"{site.url}/metrics").text, start)
    body = {"model": "m1", "messages": [{"role": "user", "content": "hello"}]}
    assert session.post(f"{site.url}/v1/chat/completions", json=body).status_code == 200
    assert session.post(f"{site.views_url}/v1/chat/completions", json=body).status_code == 200
    assert sample(session.get(f"{site.url}/metrics").text, start) == before + 2


@pytest.mark.parametrize("path", ["/c/1", "/c/2", "/whatever/anyone/types", "/%0a"])
def test_no_path_makes_a_label_of_its_own(path):
    assert metrics.area_of(path) == "pages"


@pytest.mark.django_db
def test_a_connections_health_is_a_number(client, connection):
    from django.utils import timezone

    assert 'webui_connection_up{connection="Scripted"} 0.0' in client.get("/metrics").content.decode()
    type(connection).objects.quietly().filter(pk=connection.pk).update(last_ok=timezone.now())
    assert 'webui_connection_up{connection="Scripted"} 1.0' in client.get("/metrics").content.decode()


@pytest.mark.django_db
def test_metrics_do_not_query_more_when_there_is_more(client, upstream):
    from tests.people import make_connection

    assert_queries_do_not_grow(
        lambda: client.get("/metrics"),
        lambda: [make_connection(upstream.url, name=f"c{number}") for number in range(10)],
    )


def test_the_processes_of_one_site_count_together(server_process, postgres_url, redis_url):
    env = {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url, "WEBUI_DEMO": "false"}
    site = server_process(workers=2, env=env).start()
    for _ in range(20):  # each on a connection of its own, so that both processes get some
        requests.get(f"{site.url}/accounts/login/", timeout=10)
    text = requests.get(f"{site.url}/metrics", timeout=10).text
    assert sample(text, 'webui_requests_total{area="accounts",method="GET",status="200"}') == 20
