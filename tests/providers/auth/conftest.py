"""A fixture: a real OpenID provider as a process on loopback."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from tests.fixtures.need import require
from tests.upstream import unused_port

FOLDER = Path(__file__).resolve().parents[2] / "openid"


class OpenIdProvider:
    """`url` is its issuer; `sign_in(session, page, "alice")` is what a person does there."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def sign_in(self, session: requests.Session, page: requests.Response, name: str) -> requests.Response:
        """Fill in the provider's forms (name, then consent) until it sends the browser back."""
        for _ in range(4):
            form = re.search(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', page.text, re.DOTALL)
            if form is None or not page.url.startswith(self.url):
                return page
            fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form[2]))
            if 'name="login"' in form[2]:
                fields |= {"login": name, "password": "any"}
            page = session.post(urljoin(page.url, unescape(form[1])), data=fields)
        raise AssertionError(f"the provider kept asking: {page.text[:500]}")

    def whose(self, token: str) -> str:
        """The person whose valid access token this is; "" when it is none."""
        answer = requests.get(f"{self.url}/me", headers={"Authorization": f"Bearer {token}"}, timeout=10)
        return answer.json()["sub"] if answer.ok else ""


@pytest.fixture(scope="session")
def _openid_packages() -> None:
    require(shutil.which("node") and shutil.which("npm"), "node and npm are not installed (OpenID provider)")
    if not (FOLDER / "node_modules" / "oidc-provider").exists():
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--silent"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=180,
        )
        require(done.returncode == 0, f"npm ci failed in tests/openid: {done.stderr.strip()[-300:]}")


@pytest.fixture
def start_openid(_openid_packages: None) -> Iterator[Callable[..., OpenIdProvider]]:
    """Starts a provider: `start_openid(redirect="http://…/callback/", seconds=30)`; it ends with the test."""
    running: list[Any] = []

    def start(*, redirect: str, seconds: int = 3600, method: str = "client_secret_basic") -> OpenIdProvider:
        port = unused_port()
        asked = json.dumps({"port": port, "redirect": redirect, "seconds": seconds, "method": method})
        process = subprocess.Popen(
            ["node", "provider.mjs", asked], cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        running.append(process)
        said = []
        for line in process.stdout:
            said.append(line)
            if line.strip() == "ready":
                return OpenIdProvider(port)
        raise AssertionError("the OpenID provider did not start: " + "".join(said))

    yield start
    for process in running:
        process.terminate()
        process.wait(10)
        process.stdout.close()
