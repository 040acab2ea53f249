"""Memory of a server while many large pictures are decoded at once."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.chat.decoding import weights
from tests.fixtures.process import ServerProcess

ADMIN = {"WEBUI_ADMIN_EMAIL": "admin@example.com", "WEBUI_ADMIN_PASSWORD": "correct horse battery"}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell a process's peak memory")
@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_thumbnails_asked_for_in_parallel_leave_the_server_small(server_process, server):
    site = server_process(server=server, env={**ADMIN, "WEBUI_DEMO": "false"}).start()
    key = {"Authorization": f"Bearer {site.create_api_key('admin@example.com')}"}
    contents = [weights.png(), weights.png(7000), weights.png(6900), weights.animation("GIF", 20, 4_000)]
    requests.get(f"{site.url}/accounts/login/", timeout=20)

    def upload(content: bytes) -> str:
        answer = requests.post(f"{site.url}/api/v1/files/", files={"file": content}, headers=key, timeout=60)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    ids = [upload(content) for content in contents]
    before = peak_megabytes(site)

    def thumbnail(asked: tuple[str, int]) -> requests.Response:
        file_id, width = asked
        return requests.get(f"{site.url}/api/v1/files/{file_id}/content?w={width}", headers=key, timeout=120)

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(thumbnail, [(file_id, width) for width in (128, 256) for file_id in ids]))

    assert {answer.status_code for answer in answers} <= {200, 503}
    assert {answer.headers["Retry-After"] for answer in answers if answer.status_code == 503} <= {"5"}
    assert sum(answer.status_code == 200 for answer in answers) >= 4
    assert peak_megabytes(site) - before < 60
    assert requests.get(f"{site.url}/healthz", timeout=20).status_code == 200
    decoders = decoders_of(site)
    assert 1 <= len(decoders) <= 2
    assert site.stop() == 0
    assert [folder for folder in decoders if folder.exists()] == []


def decoders_of(site: ServerProcess) -> list[Path]:
    """The workers of a server, as folders of /proc."""
    assert site.process is not None
    children = Path(f"/proc/{site.process.pid}/task").glob("*/children")
    folders = [Path("/proc") / pid for listed in children for pid in listed.read_text().split()]
    return [folder for folder in folders if b"chat.decoding.worker" in (folder / "cmdline").read_bytes()]


def peak_megabytes(site: ServerProcess) -> float:
    assert site.process is not None
    status = Path(f"/proc/{site.process.pid}/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+)", status)
    assert peak is not None
    return int(peak[1]) / 1024
