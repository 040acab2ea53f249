"""Missing requirements of tests: a skip by name on a workstation, a failure in CI."""

import os
import subprocess
import sys

import pytest

from tests.fixtures.process import ROOT

SUITE = """
import pytest
from tests.fixtures.need import require

def test_it_requires_what_is_missing():
    require(None, "no such service here")

@pytest.mark.browser
def test_it_skips_by_itself():
    pytest.skip("somebody else's words")

@pytest.mark.xfail(reason="known", run=False)
def test_it_is_known_to_fail():
    raise AssertionError

def test_it_has_what_it_requires():
    require("here", "never said")
"""


@pytest.fixture
def run_suite(tmp_path):
    def run(**env: str) -> str:
        (tmp_path / "test_suite.py").write_text(SUITE)
        (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = browser\n")
        # The frame's rules alone: no Django, no workers.
        plugins = ["tests.fixtures.need", "no:cacheprovider"]
        words = [word for plugin in plugins for word in ("-p", plugin)]
        kept = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-ra", "-c", tmp_path / "pytest.ini", *words, tmp_path],
            cwd=ROOT,
            env={**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **env},
            check=False,
            capture_output=True,
            text=True,
        )
        return done.stdout + done.stderr

    return run


def test_on_a_workstation_it_is_skipped_with_its_reason(run_suite):
    said = run_suite()
    assert "1 passed, 2 skipped, 1 xfailed" in said
    assert "no such service here" in said


def test_in_ci_it_is_a_failure(run_suite):
    said = run_suite(CI="true")
    assert "2 failed, 1 passed, 1 xfailed" in said
    assert "no such service here" in said
    assert "somebody else's words" in said
