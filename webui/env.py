"""The one place that reads the environment: `NAME`, else the file named by `NAME_FILE`, else `.env`, else the default.

A value that cannot be read as what it should be stops the start with the variable's name in the message
(`ImproperlyConfigured`). Nothing else in the project touches `os.environ`.
"""

import os
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
import orjson
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

BASE_DIR = Path(__file__).resolve().parent.parent
TRUE = {"true", "1", "yes", "on"}
FALSE = {"false", "0", "no", "off", ""}
ENGINES = {"django.db.backends.sqlite3", "django.db.backends.postgresql"}


class Env:
    """Typed reads of one environment. Each method takes the variable's name and a default."""

    def __init__(self) -> None:
        environ.Env.read_env(str(BASE_DIR / ".env"))  # variables already set win over the file
        self._env = environ.FileAwareEnv()
        self.seen: set[str] = set()

    def _raw(self, name: str) -> str | None:
        """The text as it stands, stripped; None when it is not set.

        Read from the mapping and not through `Env.str`, which takes an empty value for none, and a value that begins
        with `$` for the name of another variable: a password may begin so.
        """
        self.seen.add(name)
        try:
            return str(self._env.ENVIRON[name]).strip()
        except KeyError:
            return None
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read: {error.strerror}") from error

    def _read(self, name: str, default: T, convert: Callable[[str], T], wanted: str) -> T:
        raw = self._raw(name)
        if raw is None:
            return default
        try:
            return convert(raw)
        except (ValueError, TypeError) as error:
            raise ImproperlyConfigured(f"{name} must be {wanted}.") from error

    def text(self, name: str, default: str = "") -> str:
        """An empty value means the default: compose files pass on what is not set as empty."""
        return self._raw(name) or default

    def flag(self, name: str, default: bool) -> bool:
        def convert(raw: str) -> bool:
            if raw.lower() in TRUE:
                return True
            if raw.lower() in FALSE:
                return False
            raise ValueError(raw)

        return self._read(name, default, convert, "true or false")

    def whole(self, name: str, default: int) -> int:
        return self._read(name, default, lambda raw: int(raw) if raw else default, "a whole number")

    def seconds(self, name: str, default: float | None) -> float | None:
        """A number of seconds; an empty value means no limit (None)."""

        def convert(raw: str) -> float | None:
            if raw == "":
                return None
            number = float(raw)
            if not 0 < number < 1e7:
                raise ValueError(raw)
            return number

        return self._read(name, default, convert, "a number of seconds above 0, or empty for no limit")

    def items(self, name: str, default: list[str] | None = None, *, separator: str = ",") -> list[str]:
        raw = self._raw(name)
        if raw is None:
            return list(default or [])
        return [part.strip() for part in raw.split(separator)] if raw else []

    def checked(self, name: str, default: str, check: Callable[[str], object], wanted: str) -> str:
        """A text that `check` takes without a ValueError."""

        def convert(raw: str) -> str:
            check(raw or default)
            return raw or default

        return self._read(name, default, convert, wanted)

    def one_of(self, name: str, default: str, choices: Collection[str]) -> str:
        """One of `choices`, written in capitals or not."""

        def convert(raw: str) -> str:
            found = [choice for choice in choices if choice.lower() == (raw or default).lower()]
            if not found:
                raise ValueError(raw)
            return found[0]

        return self._read(name, default, convert, f"one of {', '.join(choices)}")

    def time_zone(self, name: str, default: str) -> str:
        def check(raw: str) -> None:
            try:
                ZoneInfo(raw)
            except (ZoneInfoNotFoundError, IsADirectoryError) as error:
                raise ValueError(raw) from error

        return self.checked(name, default, check, "a time zone such as Europe/Berlin")

    def origin(self, name: str) -> str:
        """A site's address without a path (https://chat.example.com), or nothing."""

        def check(raw: str) -> None:
            parts = urlsplit(raw)
            if raw and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/")):
                raise ValueError(raw)

        return self.checked(name, "", check, "an address such as https://chat.example.com, without a path").rstrip("/")

    def json(self, name: str, default: Any, *, kind: type | tuple[type, ...]) -> Any:
        def convert(raw: str) -> Any:
            if raw == "":
                return default
            value = orjson.loads(raw)
            if not isinstance(value, kind):
                raise TypeError(name)
            return value

        what = "an object" if kind is dict else "a list" if kind is list else "of the right shape"
        return self._read(name, default, convert, f"JSON, {what}")

    def database(self, name: str, default: str) -> dict[str, Any]:
        wrong = f"{name} must be a database URL such as postgres://user@host/name."
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the parser's own words may hold the password
                found = dict(self._env.db_url_config(self._raw(name) or default))
        except (ValueError, ImproperlyConfigured):
            raise ImproperlyConfigured(wrong) from None
        if found.get("ENGINE") not in ENGINES:
            raise ImproperlyConfigured(wrong)
        return found

    def redis(self, name: str) -> str:
        """The address of a Redis server; empty when not set."""

        def convert(raw: str) -> str:
            parts = urlsplit(raw)
            known = parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0
            if raw and not known and not (parts.scheme == "unix" and parts.path):
                raise ValueError(raw)  # as `port` itself does for what is no number
            return raw

        return self._read(name, "", convert, "a Redis URL such as redis://host:6379/0")

    def email(self, name: str) -> dict[str, Any]:
        """Django's EMAIL_* settings from a URL such as smtp+tls://user:password@host:587; empty when not set."""
        raw = self._raw(name)
        if not raw:
            return {}
        try:
            return dict(self._env.email_url_config(raw))
        except (KeyError, ValueError, ImproperlyConfigured):
            raise ImproperlyConfigured(
                f"{name} must be an address such as smtp+tls://user:password@host:587."
            ) from None

    def export(self, name: str, value: str) -> None:
        """Set a variable that a library reads for itself."""
        os.environ[name] = value

    def is_set(self, name: str) -> bool:
        return self._raw(name) is not None


env = Env()


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Return the secret kept in `path`, making it (mode 0600) when there is none.

    Two processes that start at once agree: the file appears complete through a hard link, and the loser reads it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process made it first; theirs is read below
        finally:
            draft.unlink()
    return path.read_text().strip()
