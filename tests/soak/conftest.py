"""The installation that is put under load: one connection, to the scripted upstream, and one administrator."""

from tests.chat.test_processes import environment  # noqa: F401  a fixture
