"""The suite's fixtures, by file: people and the upstream, the site in this process, servers of their own, Chromium."""

from hypothesis import HealthCheck, settings

# How long a property takes says how busy the machine is, not whether the property holds.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

pytest_plugins = [
    "tests.fixtures.need",
    "tests.fixtures.memory",
    "tests.fixtures.people",
    "tests.fixtures.site",
    "tests.fixtures.process",
    "tests.fixtures.services",
    "tests.fixtures.stores",
    "tests.fixtures.wires",
    "tests.fixtures.browser",
]
