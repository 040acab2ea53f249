"""The Django settings of the suite: own data directory, fast password hashing, no provider from the environment.

Everything else is what a fresh installation has. A variable that is set in the environment still wins
(`DATABASE_URL`, `REDIS_URL`, `DATA_DIR`).
"""

import atexit
import os
import shutil
import tempfile

if "DATA_DIR" not in os.environ:
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="webui-tests-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)

from webui.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

STRICT_WAITING = True  # a wait in a transaction or in a thread of a small pool fails the test
STOP_GRACE_SECONDS = 0.05  # tests leave answers standing that nobody waits for
