"""The runtime: one instance per state class, closed in reverse order, replaced as a whole."""

import logging
import subprocess
import sys
import threading
import time

import pytest

from providers import runtime
from providers.runtime import Runtime
from tests.fixtures.process import ROOT

closed: list[str] = []


class Lower:
    def close(self):
        closed.append("lower")


class Upper:
    def __init__(self):
        runtime.state(Lower)

    def close(self):
        closed.append("upper")


class Failing:
    def close(self):
        raise OSError("disk full")


class Silent:
    """A state without `close`."""


class Writer:
    """Something that was closed is asked for while another one closes."""

    def close(self):
        runtime.state(Lower)
        closed.append("writer")


@pytest.fixture(autouse=True)
def _nothing_closed():
    closed.clear()


def test_a_state_is_made_once_and_is_the_same_for_everybody():
    assert runtime.state(Silent) is runtime.state(Silent)


def test_threads_that_ask_at_the_same_time_get_one_instance():
    made, begin = [], threading.Barrier(8)

    class Slow:
        def __init__(self):
            time.sleep(0.02)

    def ask():
        begin.wait()
        made.append(runtime.state(Slow))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in made}) == 1


def test_what_a_state_needs_is_closed_after_it():
    runtime.state(Upper)
    runtime.close()
    assert closed == ["upper", "lower"]


def test_one_failure_does_not_keep_the_others_from_closing(caplog):
    runtime.state(Lower)
    runtime.state(Failing)
    with caplog.at_level(logging.ERROR, "providers.runtime"):
        runtime.close()
    assert closed == ["lower"]
    assert "Failing could not be closed" in caplog.text


def test_what_is_asked_for_while_closing_is_closed_too():
    runtime.state(Writer)
    runtime.state(Lower)
    runtime.close()
    assert closed == ["lower", "writer", "lower"]


def test_a_replaced_runtime_knows_nothing():
    before = runtime.state(Silent)
    runtime.replace()
    assert runtime.state(Silent) is not before


def test_a_runtime_that_was_closed_goes_on_with_new_states():
    alone = Runtime()
    before = alone.state(Silent)
    alone.close()
    assert alone.state(Silent) is not before


FORK = """
import os
from providers import runtime

class State:
    def close(self):
        print("closed", os.getpid() == parent, flush=True)

parent, before = os.getpid(), runtime.state(State)
if not os.fork():
    print("child", runtime.state(State) is before, flush=True)
    os._exit(0)
os.wait()
print("parent", runtime.state(State) is before, flush=True)
"""


def test_a_forked_process_begins_anew_and_its_parent_goes_on():
    done = subprocess.run([sys.executable, "-c", FORK], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["child False", "parent True", "closed True"]
