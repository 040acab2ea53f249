"""The `Run` of a job: cancelling from any thread, deadlines, and callbacks."""

import threading
import time

import pytest

from imagegen.engines.run import Cancelled, Run
from providers.errors import UpstreamTimeout


def test_a_fresh_run_goes_on():
    run = Run()

    run.check()
    run.sleep(0)

    assert not run.cancelled()
    assert run.remaining() is None


def test_cancelling_is_seen_at_the_next_look():
    run = Run()
    run.cancel()
    run.cancel()

    with pytest.raises(Cancelled):
        run.check()


def test_cancelling_wakes_a_sleeper():
    run, woken = Run(), threading.Event()

    def sleep() -> None:
        try:
            run.sleep(3600)
        except Cancelled:
            woken.set()

    threading.Thread(target=sleep, daemon=True).start()
    run.cancel()

    assert woken.wait(30)


def test_a_deadline_ends_sleeping_and_looking():
    run = Run(deadline=time.monotonic() - 1)

    assert run.remaining() == 0
    with pytest.raises(UpstreamTimeout):
        run.check()
    with pytest.raises(UpstreamTimeout):
        run.sleep(3600)


def test_a_callback_is_called_while_its_block_lasts():
    run, called = Run(), []

    with run.on_cancel(lambda: called.append("over")):
        pass
    with run.on_cancel(lambda: called.append("inside")):
        run.cancel()

    assert called == ["inside"]


def test_a_callback_on_a_cancelled_run_is_called_at_once():
    run, called = Run(), []
    run.cancel()

    with run.on_cancel(lambda: called.append("late")):
        assert called == ["late"]


def test_the_upstreams_id_is_told():
    told = []

    Run(started=told.append).started("prompt-1")

    assert told == ["prompt-1"]
