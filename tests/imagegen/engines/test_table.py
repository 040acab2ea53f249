"""The contract of every engine in the table."""

import importlib
from dataclasses import fields

import pytest

from imagegen.capabilities import Capabilities
from imagegen.engines import ENGINES
from imagegen.engines.base import Cancelled, EngineConfig, Run
from imagegen.image_request import ImageRequest
from providers.errors import ConfigurationError

engines = pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
MEMBERS = {one.name for one in fields(EngineConfig)}


@engines
def test_an_engine_is_named_as_its_module(engine):
    assert type(engine).__module__.startswith(f"imagegen.engines.{engine.name}")
    assert ENGINES[engine.name] is engine
    assert str(engine.label)


@pytest.mark.parametrize("mark", ["demo", "is_guessed", "is_unnamed"])
def test_one_engine_is_the_demo_one_is_guessed_and_one_goes_unnamed(mark):
    assert [getattr(engine, mark) for engine in ENGINES.values()].count(True) == 1


@engines
def test_declared_fields_are_members_or_options(engine):
    for one in engine.fields:
        assert (one.name in MEMBERS) != one.option, one.name
        assert str(one.label), one.name
        assert bool(one.choices) == (one.kind == "choice"), one.name


@engines
def test_capabilities_need_no_network_and_obey_the_row(engine):
    can = engine.capabilities(EngineConfig(capabilities={"max_inputs": 3}), "a-model-that-nobody-knows")

    assert isinstance(can, Capabilities)
    assert can.max_inputs == 3


@engines
def test_a_plain_request_is_prepared_without_network(engine):
    config = EngineConfig(size="512x512", steps=50, workflow={"1": {"class_type": "X", "inputs": {}}})

    try:
        request = engine.prepare(config, ImageRequest(prompt="a red kite"))
    except ConfigurationError:
        return  # an engine that cannot draw before it is set up says so

    assert request.prompt == "a red kite"


@engines
def test_a_cancelled_run_draws_nothing(engine):
    run = Run()
    run.cancel()

    with pytest.raises((Cancelled, ConfigurationError)):
        list(engine.generate(EngineConfig(url="http://127.0.0.1:9"), ImageRequest(prompt="a red kite"), run))


@engines
def test_secrets_do_not_show(engine):
    assert "sk-secret" not in repr(EngineConfig(secret="sk-secret", headers={"X-Key": "sk-secret"}))


@engines
def test_only_resumable_engines_resume(engine):
    if not engine.resumable:
        with pytest.raises(ConfigurationError):
            list(engine.resume(EngineConfig(), "id-1", Run()))


@engines
def test_the_module_can_be_imported_alone(engine):
    assert importlib.import_module(type(engine).__module__)
