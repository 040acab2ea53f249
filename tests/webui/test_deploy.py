"""The files in `deploy/`: what they pass to the site and its stores, with passwords of any characters."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.fixtures.process import ROOT
from webui.layers.shutdown import LONGEST_SECONDS

PASSWORD = "p@ss/w#or\"d %41:'\\ $x ä"
GIVEN = {"SECRET_KEY": "s" * 50, "FIELD_ENCRYPTION_KEYS": "", "DATABASE_PASSWORD": PASSWORD, "STORE_PASSWORD": PASSWORD}


def filled(value: Any) -> Any:
    """A value of the compose file as compose hands it on: variables put in after the file is parsed."""
    if isinstance(value, dict):
        return {name: filled(one) for name, one in value.items()}
    if not isinstance(value, str):
        return value

    def named(match: re.Match[str]) -> str:
        name, default = match[1], match[2] or ""
        return GIVEN.get(name) or default.removeprefix(":-") if not default.startswith(":?") else GIVEN[name]

    return re.sub(r"\$\{(\w+)(:[-?][^}]*)?\}", named, value)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    return parsed


def python(*words: str, env: dict[str, str]) -> str:
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env={**kept, **env}, check=True, capture_output=True, text=True, timeout=60
    ).stdout


def test_the_compose_files_site_reads_any_password_and_has_time_to_stop(compose, tmp_path):
    env = {name: str(value) for name, value in filled(compose["services"]["web1"]["environment"]).items()}
    env |= {"DATA_DIR": str(tmp_path), "STORAGE_PROVIDER": "local", "DJANGO_SETTINGS_MODULE": "webui.settings"}
    words = "import json; from django.conf import settings as s; d = s.DATABASES['default']; "
    words += "print(json.dumps([d['HOST'], d['USER'], d['NAME'], d['PASSWORD'], s.REDIS_URL, s.TRUSTED_PROXY_COUNT, "
    words += "s.STOP_GRACE_SECONDS]))"
    *read, grace = json.loads(python("-c", words, env=env))
    assert float(compose["services"]["web1"]["stop_grace_period"].removesuffix("s")) > grace + LONGEST_SECONDS
    assert read == ["database", "webui", "webui", PASSWORD, "redis://redis:6379/0", 1]
    assert filled(compose["services"]["database"]["environment"])["POSTGRES_PASSWORD"] == PASSWORD


def test_the_store_reads_any_password(compose, tmp_path):
    service = filled(compose["services"]["store-keys"])
    python(str(ROOT / "deploy/store_keys.py"), str(tmp_path / "s3.json"), env=service["environment"])
    identity = json.loads((tmp_path / "s3.json").read_text())["identities"][0]
    assert identity["credentials"] == [{"accessKey": "webui", "secretKey": PASSWORD}]


def test_no_password_is_put_into_an_address_or_into_json(compose):
    text = (ROOT / "deploy/compose.yaml").read_text()
    used = [line.strip() for line in text.splitlines() if "_PASSWORD}" in line or "_PASSWORD:" in line]
    assert used
    assert all(re.fullmatch(r"[A-Z0-9_]+: \$\{[A-Z_]+(:[?-][^}]*)?\}", line) for line in used)


def test_files_that_the_compose_file_names_are_there(compose):
    named = [config["file"] for config in compose["configs"].values() if "file" in config]
    assert named
    assert all((ROOT / "deploy" / name).is_file() for name in named)


def test_a_balancer_of_the_compose_file_keeps_nodes_without_files(compose):
    assert "health_uri /readyz?exclude=files,redis" in compose["configs"]["caddy"]["content"]
    assert "/readyz?exclude=files,redis" in (ROOT / "deploy/Dockerfile").read_text()
