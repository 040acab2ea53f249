"""The suite's fixtures, by file: people and the upstream, the site in this process, servers of their own, Chromium."""

pytest_plugins = [
    "tests.fixtures.need",
    "tests.fixtures.memory",
    "tests.fixtures.people",
    "tests.fixtures.site",
    "tests.fixtures.process",
    "tests.fixtures.services",
    "tests.fixtures.stores",
    "tests.fixtures.browser",
]
