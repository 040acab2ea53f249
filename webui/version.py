"""This program's version; `pyproject.toml` and the first heading of `CHANGELOG.md` say the same (tested)."""

VERSION = "0.1.0"
