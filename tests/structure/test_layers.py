"""The rules of the house that a program can check."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.fixtures.process import ROOT

ROOMS = ("webui", "imagegen", "chat", "providers")
FOLDERS = (*ROOMS, "templates", "static", "tests", "benchmarks", "deploy", "docs")
SOURCES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if "migrations" not in path.parts]
# Needed by a few installations or a few requests; each costs time and memory in every process that imports it.
HEAVY = ("azure.identity", "msal", "boto3", "google.cloud", "azure.storage", "PIL", "playwright", "openai")


def imports_of(path: Path) -> set[str]:
    """The top-level names of the packages a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_arrows_point_down():
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_only_the_door_knows_the_http_libraries():
    outside = [path for path in SOURCES if not _is_door(path) and imports_of(path) & {"requests", "aiohttp", "httpx"}]
    assert outside == []


def _is_door(path: Path) -> bool:
    relative = path.relative_to(ROOT).as_posix()
    return relative == "providers/http.py" or relative.startswith("providers/http/")


def test_the_rooms_do_not_know_the_tests():
    assert [path for path in SOURCES if imports_of(path) & {"tests", "benchmarks", "pytest"}] == []


def test_only_the_settings_read_the_environment():
    reading = {
        path.relative_to(ROOT).as_posix() for path in SOURCES if re.search(r"os\.environ\b|getenv", path.read_text())
    }
    # asgi.py names the settings module, and a test's own settings are named the same way
    assert reading <= {"webui/env.py", "webui/asgi.py"}


def written_here(*suffixes: str) -> list[Path]:
    """Every file of ours with one of these suffixes, as paths from the root."""
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.suffix in suffixes]
    paths += [path for path in ROOT.iterdir() if path.suffix in suffixes]
    return [path.relative_to(ROOT) for path in paths if not {"vendor", "node_modules"} & set(path.parts)]


def test_no_file_is_longer_than_six_hundred_lines():
    paths = written_here(".py", ".js", ".css", ".html")
    assert [str(path) for path in paths if (ROOT / path).read_text().count("\n") > 600] == []


def test_no_folder_shows_more_than_twenty_modules():
    modules = Counter(str(path.parent) for path in written_here(".py"))
    assert [(folder, count) for folder, count in modules.items() if count > 20] == []


def test_no_line_of_a_template_is_longer_than_120_characters():
    lines = [(path, line) for path in written_here(".html", ".txt") for line in (ROOT / path).read_text().splitlines()]
    assert [(str(path), line) for path, line in lines if path.parts[0] == "templates" and len(line) > 120] == []


def test_no_file_is_named_after_nothing():
    vague = {"utils", "util", "helpers", "helper", "misc", "common", "manager", "managers"}
    assert [path for path in SOURCES if path.stem in vague] == []


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
