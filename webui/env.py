"""The reader of the environment: `NAME`, else the file named by `NAME_FILE`, else `.env`, else the default.

An invalid value stops the start with ImproperlyConfigured, which names the variable. No other module reads
`os.environ`.
"""

import os
import re
import warnings
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
import orjson
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

BASE_DIR = Path(__file__).resolve().parent.parent
TRUE = {"true", "1", "yes", "on"}
FALSE = {"false", "0", "no", "off", ""}
ENGINES = {"django.db.backends.sqlite3", "django.db.backends.postgresql"}
MOST_DAYS = 36_500  # a hundred years
MOST_SECONDS = 1e7
HIGHEST_PORT = 65_535


class Env:
    """Typed reads of one environment. Each method takes the variable's name and a default."""

    def __init__(self) -> None:
        environ.Env.read_env(str(BASE_DIR / ".env"))  # variables that are set count before the file
        self._env = environ.FileAwareEnv()
        self.names: set[str] = set()

    def _raw(self, name: str) -> str | None:
        """The value without spaces around it; None where it is not set.

        Not through `Env.str`: it treats an empty value as not set, and a value that begins with `$`, as a password
        may, as the name of another variable.
        """
        return self._text(name)

    def _text(self, name: str, *, strip: str | None = None) -> str | None:
        self.names.add(name)
        try:
            return str(self._env.ENVIRON[name]).strip(strip)
        except KeyError:
            return None
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read: {error.strerror}") from error

    def _read(self, name: str, default: T, convert: Callable[[str], T], expected: str) -> T:
        raw = self._raw(name)
        if raw is None:
            return default
        try:
            return convert(raw)
        except (ValueError, TypeError) as error:
            raise ImproperlyConfigured(f"{name} must be {expected}.") from error

    def text(self, name: str, default: str = "") -> str:
        """A text. An empty value means the default, because compose files pass unset variables as empty."""
        return self._raw(name) or default

    def flag(self, name: str, default: bool) -> bool:
        def convert(raw: str) -> bool:
            if raw.lower() in TRUE:
                return True
            if raw.lower() in FALSE:
                return False
            raise ValueError(raw)

        return self._read(name, default, convert, "true or false")

    def whole(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """A whole number from `least` to `most`; an empty value means the default."""

        def convert(raw: str) -> int:
            number = int(raw) if raw else default
            if number < least or (most is not None and number > most):
                raise ValueError(raw)
            return number

        bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
        return self._read(name, default, convert, f"a whole number {bounds}")

    def days(self, name: str, default: int) -> int:
        """A number of days that can be subtracted from a date."""
        return self.whole(name, default, most=MOST_DAYS)

    def hours(self, name: str, default: int) -> int:
        """A number of hours that can be added to a date."""
        return self.whole(name, default, most=MOST_DAYS * 24)

    def span(self, name: str, default: float, *, least: float = 0.0) -> float:
        """A number of seconds of at least `least`; an empty value means the default."""

        def convert(raw: str) -> float:
            number = float(raw or default)
            if not least <= number < MOST_SECONDS:
                raise ValueError(raw)
            return number

        return self._read(name, default, convert, f"a number of seconds of at least {least:g}")

    def seconds(self, name: str, default: float | None) -> float | None:
        """A number of seconds above 0, after which something ends; an empty value means that it never does (None)."""

        def convert(raw: str) -> float | None:
            if raw == "":
                return None
            number = float(raw)
            if not 0 < number < MOST_SECONDS:
                raise ValueError(raw)
            return number

        return self._read(name, default, convert, "a number of seconds above 0, or empty for no limit")

    def items(self, name: str, default: list[str] | None = None, *, separator: str = ",") -> list[str]:
        raw = self._raw(name)
        if raw is None:
            return list(default or [])
        return [part.strip() for part in raw.split(separator)] if raw else []

    def checked(self, name: str, default: str, check: Callable[[str], object], expected: str) -> str:
        """A text for which `check` raises no ValueError."""

        def convert(raw: str) -> str:
            check(raw or default)
            return raw or default

        return self._read(name, default, convert, expected)

    def one_of(self, name: str, default: str, choices: Collection[str]) -> str:
        """One of `choices`; upper and lower case do not matter."""

        def convert(raw: str) -> str:
            matches = [choice for choice in choices if choice.lower() == (raw or default).lower()]
            if not matches:
                raise ValueError(raw)
            return matches[0]

        return self._read(name, default, convert, f"one of {', '.join(choices)}")

    def time_zone(self, name: str, default: str) -> str:
        def check(raw: str) -> None:
            try:
                ZoneInfo(raw)
            except (ZoneInfoNotFoundError, IsADirectoryError) as error:
                raise ValueError(raw) from error

        return self.checked(name, default, check, "a time zone such as Europe/Berlin")

    def origin(self, name: str) -> str:
        """The address of a site without a path, such as https://chat.example.com; may be empty."""

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

        shape = "an object" if kind is dict else "a list" if kind is list else "of the right shape"
        return self._read(name, default, convert, f"JSON, {shape}")

    def secret(self, name: str) -> str:
        """A password, with its spaces; empty where it is not set. Only the line end of a file is no part of it."""
        return self._text(name, strip="\r\n") or ""

    def database(self, name: str, default: str) -> dict[str, Any]:
        """Django's settings of the database: from a URL, else from the parts `DATABASE_HOST`, `DATABASE_PASSWORD` …."""
        message = f"{name} must be a database URL such as postgres://user@host/name."
        url = self._raw(name)
        host = self.text("DATABASE_HOST")
        parts = self._database_parts(host)  # read in any case: they are variables of the site
        if not url and host:
            return parts
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the parser's messages may contain the password
                database = dict(self._env.db_url_config(with_quoted_password(url or default)))
        except (ValueError, ImproperlyConfigured):
            raise ImproperlyConfigured(message) from None
        if database.get("ENGINE") not in ENGINES:
            raise ImproperlyConfigured(message)
        return database

    def _database_parts(self, host: str) -> dict[str, Any]:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.text("DATABASE_NAME", "webui"),
            "USER": self.text("DATABASE_USER", "webui"),
            "PASSWORD": self.secret("DATABASE_PASSWORD"),
            "HOST": host,
            "PORT": str(self.whole("DATABASE_PORT", 5432, least=1, most=HIGHEST_PORT)),
        }

    def redis(self, name: str) -> str:
        """The address of a Redis server, from a URL, else from the parts `REDIS_HOST`, `REDIS_PASSWORD` …; empty where
        neither is set.
        """
        url, host = self._raw(name), self.text("REDIS_HOST")
        user, password = self.text("REDIS_USER"), self.secret("REDIS_PASSWORD")
        port, number = self.whole("REDIS_PORT", 6379, least=1, most=HIGHEST_PORT), self.whole("REDIS_DB", 0)
        if not url and host:
            login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
            return f"redis://{login}{host}:{port}/{number}"

        def convert(raw: str) -> str:
            parts = urlsplit(with_quoted_password(raw))
            is_tcp = parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0
            if raw and not is_tcp and not (parts.scheme == "unix" and parts.path):
                raise ValueError(raw)  # the error that `port` raises for anything but a number
            return with_quoted_password(raw)

        return self._read(name, "", convert, "a Redis URL such as redis://host:6379/0")

    def email(self, name: str) -> dict[str, Any]:
        """Django's EMAIL_* settings from a URL such as smtp+tls://user:password@host:587; empty where it is not set."""
        raw = self._raw(name)
        if not raw:
            return {}
        try:
            return dict(self._env.email_url_config(with_quoted_password(raw)))
        except (KeyError, ValueError, ImproperlyConfigured):
            raise ImproperlyConfigured(
                f"{name} must be an address such as smtp+tls://user:password@host:587."
            ) from None

    def export(self, name: str, value: str) -> None:
        """Set a variable that a library reads."""
        os.environ[name] = value

    def is_set(self, name: str) -> bool:
        return self._raw(name) is not None


env = Env()


def with_quoted_password(url: str) -> str:
    """An address whose user name and password are quoted, whatever characters they hold: `@`, `/`, `#`, `?`, spaces.

    Everything up to the last `@` is user name and password; parameters (`?name=value`) may hold one too. Percent-codes
    in a password mean what they mean in addresses, so that both ways of writing it work; a `%` that begins none stands
    for itself.
    """
    scheme, separator, rest = url.partition("://")
    login, at, host = rest.rpartition("@")
    if not separator or not at or scheme.startswith("sqlite"):  # a SQLite URL has only a path
        return url
    address, _mark, parameters = url.partition("?")
    if "@" in parameters and re.match(r"\w+=", parameters) and re.search(r"@[^@/]+/[^@]*$", address):
        return f"{with_quoted_password(address)}?{parameters}"
    quoted = (quote(unquote(part), safe="") for part in login.split(":", 1))
    return f"{scheme}://{':'.join(quoted)}@{host}"


def stored_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret stored in a file, which is made with mode 0600 where it does not exist.

    Processes that start at once get the same secret: the file appears complete, as a hard link, and only once.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process made it first; that one is read below
        finally:
            draft.unlink()
    return path.read_text().strip()


def private_file(path: Path) -> None:
    """Create the file if it is missing, and take the rights of other accounts away from it.

    Raises nothing: where this fails, opening the file fails too, and that error says what is wrong.
    """
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        if path.stat().st_mode & 0o007:  # made readable by an earlier version
            for name in (path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))):
                if name.exists():
                    name.chmod(0o600)
