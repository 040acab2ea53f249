"""The contract of every auth type: declared fields, returned headers, no leaked secret."""

import ast
import logging
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from providers import auth, runtime
from providers.auth.base import AuthField, AuthType, CallerIdentity
from providers.auth.entra import Tokens
from providers.catalogue.snapshot_loader import facts_of
from providers.errors import ConfigurationError, GatewayError
from providers.fields import UNREADABLE
from providers.models import Connection
from providers.upstream.headers import headers_for, headers_for_blocking

SECRET = "sk-very-secret-0123456789"
WHO = CallerIdentity(user_id=7, credential="sk-callers-own", oauth_token=lambda: "oauth-token")
everyone = pytest.mark.parametrize("auth_type", auth.AUTH_TYPES.values(), ids=auth.AUTH_TYPES)


@pytest.fixture(autouse=True)
def _no_cloud(monkeypatch):
    """Gives the Entra type a fixed token, so that it does not ask this machine for an identity."""
    monkeypatch.setattr(runtime.state(Tokens), "token", lambda scope: "entra-token")


@everyone
def test_it_says_what_it_is(auth_type):
    assert isinstance(auth_type, AuthType)
    assert auth.AUTH_TYPES[auth_type.name] is auth_type
    assert str(auth_type.label)
    assert isinstance(auth_type.blocking, bool)
    assert isinstance(auth_type.needs_user, bool)


@everyone
def test_it_declares_its_values_and_only_the_encrypted_one_is_secret(auth_type):
    names = [field.name for field in auth_type.fields]
    assert len(names) == len(set(names))
    for field in auth_type.fields:
        assert isinstance(field, AuthField)
        assert str(field.label)
        assert field.secret is (field.name == "secret"), "values in auth_options are stored as they are"


@everyone
def test_it_returns_texts_that_can_stand_in_headers(auth_type):
    headers = auth_type.headers(SECRET, {}, WHO)
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in headers.items())
    assert not any("\n" in value or "\r" in value for value in headers.values())


@everyone
def test_it_does_not_change_what_it_is_given(auth_type):
    options = {"scope": "https://example.org/.default"}
    auth_type.headers(SECRET, options, WHO)
    assert options == {"scope": "https://example.org/.default"}


@everyone
def test_it_keeps_secrets_out_of_repr_logs_and_errors(auth_type, caplog):
    caplog.set_level(logging.DEBUG)
    facts = facts_of(Connection(name="c", base_url="http://up.invalid/v1", auth_type=auth_type.name, secret=SECRET))
    said = [repr(auth_type), repr(facts), str(facts), repr(WHO), repr(runtime.state(Tokens))]
    for who in (WHO, CallerIdentity()):
        try:
            auth_type.headers(SECRET, {}, who)
        except GatewayError as error:
            said += [str(error), repr(error), str(error.openai_body()), str(error.message_body())]
    for secret in (SECRET, "sk-callers-own", "oauth-token", "entra-token"):
        assert secret not in "\n".join(said)
        assert secret not in caplog.text


@everyone
async def test_both_faces_send_the_same(auth_type):
    facts = facts_of(Connection(name="c", base_url="http://up.invalid/v1", auth_type=auth_type.name, secret=SECRET))
    if auth_type.needs_user:
        with pytest.raises(ConfigurationError):
            await headers_for(facts)
        return
    assert await headers_for(facts) == headers_for_blocking(facts)


@everyone
def test_a_key_that_cannot_be_decrypted_is_never_sent(auth_type):
    facts = facts_of(Connection(name="c", base_url="http://up.invalid/v1", auth_type=auth_type.name, secret=UNREADABLE))
    with pytest.raises(ConfigurationError, match="decrypted"):
        headers_for_blocking(facts)


@everyone
def test_it_has_a_file_and_a_test_file_of_its_own_or_of_the_type_it_renames(auth_type):
    module = type(auth_type).__module__.rpartition(".")[2]
    assert Path(__file__).with_name(f"test_{module}.py").exists()


def test_the_leaves_import_their_base_the_door_and_the_errors_alone():
    allowed = {f"providers.{name}" for name in ("auth.base", "errors", "http", "process", "runtime", "sentences")}
    for path in Path(auth.__file__).parent.glob("*.py"):
        if path.name in ("__init__.py", "table.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                inside = [f"{node.module}.{alias.name}" for alias in node.names]
                names = inside if node.module == "providers" else [node.module]
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            ours = {name for name in names if name and name.split(".")[0] in ("providers", "chat", "imagegen", "webui")}
            assert ours <= allowed, f"{path.name} imports {ours - allowed}"


def test_a_new_type_needs_no_migration():
    choices = Connection._meta.get_field("auth_type").choices
    assert [name for name, _label in choices] == list(auth.AUTH_TYPES)
    _name, _path, _args, options = Connection._meta.get_field("auth_type").deconstruct()
    assert callable(options["choices"])


def test_facts_cannot_be_changed():
    facts = facts_of(Connection(name="c", base_url="http://up.invalid/v1"))
    assert {"secret", "headers", "auth_options"} <= {field.name for field in fields(facts) if not field.repr}
    with pytest.raises(FrozenInstanceError):
        facts.secret = "x"
