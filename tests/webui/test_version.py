"""The version: its three places agree."""

import re
import tomllib

from tests.fixtures.process import ROOT
from webui.version import VERSION


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changelog = re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    assert VERSION == project == changelog
