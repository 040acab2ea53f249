"""Registration of the suite's fixtures, one file per subject: database, people, upstream, site, servers, Chromium."""

import os
from pathlib import Path

from hypothesis import HealthCheck, settings

# Each client of an SDK reads the file of all authorities, a tenth of a second; no test speaks to any of them.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "fixtures" / "nobody.pem")

settings.register_profile(
    "suite",
    deadline=None,  # how long a property takes says how busy the machine is, not whether the property holds
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",  # CI judges a change; runs by hand look for new examples
)
settings.load_profile("suite")

pytest_plugins = [
    "tests.fixtures.need",
    "tests.fixtures.order",
    "tests.fixtures.database",
    "tests.fixtures.memory",
    "tests.fixtures.people",
    "tests.fixtures.site",
    "tests.fixtures.process",
    "tests.fixtures.pipelines",
    "tests.fixtures.services",
    "tests.fixtures.wires",
    "tests.fixtures.browser",
]
