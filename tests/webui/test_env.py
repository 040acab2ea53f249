"""The environment: every value is parsed by type, and an error names its variable."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from django.core.exceptions import ImproperlyConfigured
from redis.connection import parse_url

from tests.fixtures.process import ROOT
from webui.env import Env, stored_secret


@pytest.fixture
def env(monkeypatch):
    """Sets variables and reads them: `env(NAME="value").flag("NAME", False)`."""

    def with_(**values: str) -> Env:
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        return Env()

    return with_


@pytest.mark.parametrize(
    ("raw", "meant"),
    [("true", True), ("True", True), ("1", True), ("yes", True), ("on", True), (" false ", False), ("0", False)],
)
def test_a_flag_is_read(env, raw, meant):
    assert env(SOME_FLAG=raw).flag("SOME_FLAG", not meant) is meant


PASSWORDS = [
    "p@ss",
    "a/b",
    "a#b",
    'a"b',
    "50%",
    "a:b",
    "a b",
    "?x=1&y",
    "a\\b",
    "ä€",
    "'; --",
    '@/#"%: ',
    "$HOME",
    "[x]",
]


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_may_hold_any_character(env, password):
    for written in (password, quote(password, safe="")):
        database = env(SOME_URL=f"postgres://me:{written}@db:5433/site").database("SOME_URL", "")
        given = (database["USER"], database["PASSWORD"], database["HOST"], database["PORT"], database["NAME"])
        assert given == ("me", password, "db", 5433, "site")
    parts = env(DATABASE_HOST="db", DATABASE_PASSWORD=password).database("NOT_SET", "")
    assert (parts["HOST"], parts["PASSWORD"], parts["NAME"], parts["PORT"]) == ("db", password, "webui", "5432")
    for redis in (
        env(REDIS_HOST="r", REDIS_PASSWORD=password).redis("NOT_SET"),
        env(SOME_REDIS=f"redis://:{quote(password, safe='')}@r:6379/0").redis("SOME_REDIS"),
        env(SOME_REDIS=f"redis://:{password}@r:6379/0").redis("SOME_REDIS"),
    ):
        options = parse_url(redis)
        assert (options["host"], options["password"], options["db"]) == ("r", password, 0)
    mail = env(SOME_MAIL=f"smtp+tls://me@example.com:{password}@mail:587").email("SOME_MAIL")
    assert (mail["EMAIL_HOST_USER"], mail["EMAIL_HOST_PASSWORD"]) == ("me@example.com", password)
    assert mail["EMAIL_HOST"] == "mail"


def test_a_parameter_may_hold_an_at_sign(env):
    url = "postgres://me:p@ss@db/site?application_name=a@b"
    database = env(SOME_URL=url).database("SOME_URL", "")
    assert (database["PASSWORD"], database["HOST"], database["NAME"]) == ("p@ss", "db", "site")
    assert database["OPTIONS"] == {"application_name": "a@b"}


def test_a_password_in_a_file_loses_the_line_end_alone(env, tmp_path):
    (tmp_path / "password").write_text(" with spaces \n")
    assert env(DATABASE_PASSWORD_FILE=str(tmp_path / "password")).secret("DATABASE_PASSWORD") == " with spaces "


def test_a_url_goes_before_the_parts(env):
    read = env(SOME_URL="postgres://me@one/site", DATABASE_HOST="two", SOME_REDIS="redis://one", REDIS_HOST="two")
    assert read.database("SOME_URL", "")["HOST"] == "one"
    assert read.redis("SOME_REDIS") == "redis://one"


def test_an_empty_flag_is_off(env):
    assert env(SOME_FLAG="").flag("SOME_FLAG", True) is False


@pytest.mark.parametrize(
    ("read", "raw"),
    [
        (lambda env: env.flag("WRONG_ONE", False), "perhaps"),
        (lambda env: env.whole("WRONG_ONE", 1), "many"),
        (lambda env: env.whole("WRONG_ONE", 1), "1.5"),
        (lambda env: env.whole("WRONG_ONE", 1), "-1"),
        (lambda env: env.whole("WRONG_ONE", 1, least=1), "0"),
        (lambda env: env.days("WRONG_ONE", 1), "-1"),
        (lambda env: env.days("WRONG_ONE", 1), "4000000"),
        (lambda env: env.hours("WRONG_ONE", 1), "90000000"),
        (lambda env: env.span("WRONG_ONE", 1.0), "-1"),
        (lambda env: env.span("WRONG_ONE", 1.0), "nan"),
        (lambda env: env.span("WRONG_ONE", 1.0, least=0.1), "0"),
        (lambda env: env.seconds("WRONG_ONE", 1.0), "soon"),
        (lambda env: env.seconds("WRONG_ONE", 1.0), "-1"),
        (lambda env: env.seconds("WRONG_ONE", 1.0), "0"),
        (lambda env: env.seconds("WRONG_ONE", 1.0), "inf"),
        (lambda env: env.seconds("WRONG_ONE", 1.0), "nan"),
        (lambda env: env.json("WRONG_ONE", {}, kind=dict), "{"),
        (lambda env: env.json("WRONG_ONE", {}, kind=dict), "[]"),
        (lambda env: env.database("WRONG_ONE", "sqlite:///x"), "nonsense://x"),
        (lambda env: env.database("WRONG_ONE", "sqlite:///x"), "mysql://root@host/name"),
        (lambda env: env.database("WRONG_ONE", "sqlite:///x"), "postgres://me@host:port/name"),
        (lambda env: env.redis("WRONG_ONE"), "localhost:6379"),
        (lambda env: env.redis("WRONG_ONE"), "http://localhost:6379"),
        (lambda env: env.redis("WRONG_ONE"), "redis://"),
        (lambda env: env.redis("WRONG_ONE"), "redis://host:port"),
    ],
)
def test_a_wrong_value_names_its_variable(env, read, raw):
    with pytest.raises(ImproperlyConfigured, match="WRONG_ONE"):
        read(env(WRONG_ONE=raw))


def test_the_message_of_a_wrong_value_does_not_repeat_it(env):
    with pytest.raises(ImproperlyConfigured) as caught:
        env(DATABASE_URL="nonsense://me:secret@host/db").database("DATABASE_URL", "sqlite:///x")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("raw", ["", "redis://:secret@host:6379/1", "rediss://host", "unix:///run/redis.sock?db=2"])
def test_a_redis_address_is_read(env, raw):
    assert env(SOME_REDIS=raw).redis("SOME_REDIS") == raw


def test_an_empty_number_of_seconds_is_no_limit(env):
    assert env(SOME_TIMEOUT="").seconds("SOME_TIMEOUT", 10.0) is None


def test_an_empty_number_is_the_default(env):
    assert env(SOME_NUMBER="").whole("SOME_NUMBER", 7) == 7
    assert env(SOME_NUMBER="").span("SOME_NUMBER", 7.5) == 7.5
    assert env(SOME_NUMBER="0").span("SOME_NUMBER", 7.5) == 0.0


def test_a_list_is_split_and_an_empty_one_is_empty(env):
    assert env(SOME_LIST="a; b").items("SOME_LIST", separator=";") == ["a", "b"]
    assert env(SOME_LIST="").items("SOME_LIST", ["x"]) == []
    assert env().items("UNSET_LIST", ["x"]) == ["x"]


def test_a_value_may_stand_in_a_file(env, tmp_path):
    file = tmp_path / "secret"
    file.write_text("from the file\n")
    assert env(SOME_SECRET_FILE=str(file)).text("SOME_SECRET") == "from the file"


def test_a_file_that_is_not_there_names_its_variable(env, tmp_path):
    with pytest.raises(ImproperlyConfigured, match="LOST_SECRET_FILE"):
        env(LOST_SECRET_FILE=str(tmp_path / "nowhere")).text("LOST_SECRET")


def test_a_value_may_begin_with_a_dollar(env):
    assert env(SOME_PASSWORD="$ecret").text("SOME_PASSWORD") == "$ecret"


def test_an_empty_text_is_the_default(env):
    assert env(SOME_TEXT="").text("SOME_TEXT", "default") == "default"


def test_a_wrong_value_stops_the_start(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "AIOHTTP_CLIENT_TIMEOUT": "soon"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "AIOHTTP_CLIENT_TIMEOUT must be" in done.stderr


def test_a_stored_secret_stays_and_only_its_owner_may_read_it(tmp_path):
    path = tmp_path / "data" / "secret"
    first = stored_secret(path, lambda: "one")
    assert (first, stored_secret(path, lambda: "two")) == ("one", "one")
    assert path.stat().st_mode & 0o777 == 0o600


def test_processes_that_make_a_secret_at_once_agree(tmp_path):
    code = (
        "import secrets, sys; from pathlib import Path; from webui.env import stored_secret;"
        "print(stored_secret(Path(sys.argv[1]), secrets.token_hex))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "secret")]

    def start(_):
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(start, range(4)))) == 1
