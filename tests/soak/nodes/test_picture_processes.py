"""Picture jobs and processes: no job stays "running" for ever, and resumable work is resumed."""

import json
import time

import pytest
import requests

from imagegen import workflow
from tests.upstream import Gate, Reply
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

PATIENCE = 60
EMAIL = "admin@example.com"


def installation(server_process, upstream, **env):
    server = server_process(
        env={"WEBUI_DEMO": "false", "ENABLE_IMAGE_GENERATION": "true", "WEBUI_ADMIN_EMAIL": EMAIL, **env}
    )
    server.start()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {server.create_api_key(EMAIL)}"
    return server, session


def job_of(session, server, job_id):
    return session.get(f"{server.url}/api/v1/images/jobs/{job_id}", timeout=PATIENCE).json()


def ended(session, server, job_id):
    deadline = time.monotonic() + PATIENCE
    while (job := job_of(session, server, job_id))["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, job
        time.sleep(0.2)
    return job


@pytest.fixture
def ask():
    def post(session, server, **wish):
        answer = session.post(f"{server.url}/api/v1/images/jobs", json={"prompt": "a boat", **wish}, timeout=PATIENCE)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    return post


def retried(session, server, job_id):
    """The id of the retry. What the job had reserved is given back a moment after its end."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = session.post(f"{server.url}/api/v1/images/jobs/{job_id}/retry", timeout=PATIENCE)
        if answer.ok:
            return answer.json()["id"]
        assert answer.json()["code"] == "rate_limit_exceeded", answer.text
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)


ONE_PICTURE = "from providers.models import Budget; Budget.objects.create(everybody=True, unit='pictures', amount=1)"


def test_after_kill_and_restart_work_that_is_lost_ends_with_a_reason_and_can_be_retried(
    server_process, upstream, ask, redis_url
):
    """What the killed process had reserved of a budget is free again, else the retry would be refused."""
    gate = Gate()
    upstream.script(Reply(before=[gate]), path="/images/generations")
    env = {"IMAGE_GENERATION_ENGINE": "openai", "IMAGES_OPENAI_API_BASE_URL": upstream.url, "REDIS_URL": redis_url}
    server, session = installation(server_process, upstream, **env)
    with session:
        server.manage("shell", "-c", ONE_PICTURE)
        job_id = ask(session, server)
        upstream.wait_for("/images/generations")
        server.kill()
        server.start()

        job = ended(session, server, job_id)

        assert (job["state"], job["error"]["code"], job["error"]["retryable"]) == ("failed", "interrupted", True)
        upstream.always(drawn(png(8, 8)), path="/images/generations")
        assert ended(session, server, retried(session, server, job_id))["state"] == "succeeded"
        refused = session.post(f"{server.url}/api/v1/images/jobs", json={"prompt": "a boat"}, timeout=PATIENCE)
        assert (refused.status_code, refused.json()["code"]) == (429, "insufficient_quota")
    gate.open()


ONE_BY_ONE = [  # no node takes a number of pictures: each is a prompt of its own
    {"type": "prompt", "node_ids": ["6"], "key": "text"},
    {"type": "model", "node_ids": ["4"], "key": "ckpt_name"},
    {"type": "seed", "node_ids": ["3"], "key": "seed"},
]


@pytest.mark.parametrize(("wanted", "nodes"), [(3, ONE_BY_ONE)], ids=["one-by-one"])
def test_after_kill_and_restart_a_comfyui_job_is_picked_up_again_and_its_pictures_arrive(
    server_process, upstream, ask, wanted, nodes
):
    gate = upstream.comfyui.gates[2] = Gate()
    env = {
        "IMAGE_GENERATION_ENGINE": "comfyui",
        "COMFYUI_BASE_URL": upstream.origin,
        "IMAGE_GENERATION_MODEL": "dream.safetensors",
        "COMFYUI_WORKFLOW": json.dumps(workflow.default_graph("generate")),
        "COMFYUI_WORKFLOW_NODES": json.dumps(nodes),
    }
    server, session = installation(server_process, upstream, **env)
    with session:
        job_id = ask(session, server, n=wanted)
        gate.wait()
        server.kill()
        server.start()
        gate.open()

        job = ended(session, server, job_id)

        assert job["state"] == "succeeded", job["error"]
        assert len(job["files"]) == wanted
        assert len([one for one in upstream.asked("/prompt") if one.method == "POST"]) == wanted
        picture = session.get(f"{server.url}{job['files'][0]['url']}", timeout=PATIENCE)
        assert picture.headers["Content-Type"] == "image/png"


def test_a_server_that_is_asked_to_stop_lets_its_pictures_go_at_once(server_process, upstream, ask):
    gate = Gate()
    upstream.script(Reply(before=[gate]), path="/images/generations")
    env = {"IMAGE_GENERATION_ENGINE": "openai", "IMAGES_OPENAI_API_BASE_URL": upstream.url}
    server, session = installation(server_process, upstream, **env)
    with session:
        job_id = ask(session, server)
        upstream.wait_for("/images/generations")
        assert server.stop() == 0
        server.start()
        assert ended(session, server, job_id)["error"]["code"] == "interrupted"
    gate.open()
