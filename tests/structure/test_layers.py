"""Layers: which module may import or name what. `make lint` checks the arrows between rooms (import-linter)."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.process import ROOT
from tests.structure.sources import SOURCES, name_of, tree_of

# Needed by a few installations or a few requests; each costs time and memory in every process that imports it.
HEAVY = ("azure.identity", "msal", "boto3", "google.cloud", "azure.storage", "PIL", "playwright", "openai")


def imports_of(path: Path) -> set[str]:
    """The top-level names of the packages a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_only_the_door_knows_the_http_libraries():
    libraries = {"requests", "aiohttp", "httpx", "httpx2"}
    outside = [path for path in SOURCES if not _is_door(path) and imports_of(path) & libraries]
    assert outside == []


def _is_door(path: Path) -> bool:
    return name_of(path).startswith("providers/http/")


def test_the_rooms_do_not_know_the_tests():
    assert [path for path in SOURCES if imports_of(path) & {"tests", "benchmarks", "pytest"}] == []


def test_only_the_settings_read_the_environment():
    reading = {name_of(path) for path in SOURCES if re.search(r"os\.environ\b|getenv", path.read_text())}
    # asgi.py names the settings module, and a test's own settings are named the same way
    assert reading <= {"webui/env.py", "webui/asgi.py"}


def test_importing_the_site_imports_nothing_heavy():
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings';"
        "import webui.asgi; print('\\n'.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "django" in loaded
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize("command", ["check", "makemigrations"])
def test_django_has_no_complaint(command, tmp_path):
    words = {"check": ["--fail-level", "WARNING"], "makemigrations": ["--check", "--dry-run"]}[command]
    done = subprocess.run(
        [sys.executable, "manage.py", command, *words], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
