"""Claims on jobs: which jobs another process may take over, and when."""

import os
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import Chat, Message
from imagegen.jobs import claims, dispatcher
from imagegen.models import ImageJob
from providers import runtime
from providers.process import identity
from tests.fixtures.process import ROOT

pytestmark = pytest.mark.django_db(transaction=True)
State = ImageJob.State


@pytest.fixture
def dead_name():
    """The name of a process of this machine that has ended."""
    script = "import django; django.setup()\nfrom providers.process import identity; print(identity.name())"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def job_of(alice, row, **values):
    facts = {"user": alice, "engine": row, "prompt": "x", "heartbeat": timezone.now(), **values}
    return ImageJob.objects.create(request={"prompt": "x"}, **facts)


def test_the_work_of_a_process_that_was_killed_is_taken_over_at_once(alice, engine_row, dead_name):
    lost = job_of(alice, engine_row, state=State.RUNNING, worker=dead_name)
    assert claims.take_over([]) == [lost]
    assert claims.take_over([lost.pk]) == []


@pytest.mark.parametrize("status", Message.Status.values)
def test_a_lost_job_of_a_chat_is_taken_over_once_its_reply_is_over(alice, engine_row, monkeypatch, status):
    chat = Chat.objects.create(user=alice)
    answer = Message.objects.create(chat=chat, role="assistant", status=status)
    lost = job_of(alice, engine_row, state=State.RUNNING, worker="dead", chat=chat, message=answer)
    monkeypatch.setattr(identity, "has_ended", lambda name: name == "dead")
    assert claims.take_over([]) == ([] if answer.is_running else [lost])


def test_work_of_processes_that_may_be_alive_is_left_alone(alice, engine_row, dead_name):
    host, pid, place, token = dead_name.split(":")
    for name in (
        claims.worker(),
        f"{host}:{os.getppid()}:{place}:{token}",  # another process of this machine
        f"{host}:{pid}:other:{token}",  # the same number in another container
        f"{host}:{pid}::{token}",  # a system that does not tell
        f"{host}:{pid}:{token}",  # a process of the version before
        "elsewhere:1",
        "",
    ):
        job_of(alice, engine_row, state=State.RUNNING, worker=name)
    assert claims.take_over([]) == []


def test_what_was_let_go_is_taken_over_at_once_and_only_by_others(alice, engine_row):
    job = job_of(alice, engine_row, state=State.QUEUED, worker=claims.worker())
    claims.let_go([job.pk])

    claims.beat([job.pk])  # comes too late: the job is nobody's
    assert claims.take_next([job.pk]) is None

    assert claims.take_over([job.pk]) == []  # by whoever let it go
    runtime.replace()
    assert claims.take_over([]) == [job]


def test_old_heartbeats_say_nothing_while_nobody_could_write_one(alice, engine_row, dead_name):
    long_ago = timezone.now() - timedelta(minutes=1)
    old = job_of(alice, engine_row, state=State.RUNNING, worker="elsewhere:1", heartbeat=long_ago)
    lost = job_of(alice, engine_row, state=State.RUNNING, worker=dead_name)
    assert claims.take_over([], stale=False) == [lost]
    assert claims.take_over([]) == [old]


def test_a_heartbeat_that_lies_ahead_of_the_clock_is_an_old_one(alice, engine_row):
    ahead = timezone.now() + timedelta(days=2)  # from when the clock was wrong
    lost = job_of(alice, engine_row, state=State.RUNNING, worker="elsewhere:1", heartbeat=ahead)
    job_of(
        alice, engine_row, state=State.RUNNING, worker="elsewhere:1", heartbeat=timezone.now() + timedelta(seconds=5)
    )
    assert claims.take_over([], stale=False) == []
    assert claims.take_over([]) == [lost]


def test_old_heartbeats_say_nothing_right_after_the_clock_was_set(alice, engine_row, monkeypatch):
    dispatcher.start()
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + 86_400)
    job = job_of(alice, engine_row, state=State.RUNNING, worker="elsewhere:1")
    ImageJob.objects.filter(pk=job.pk).update(heartbeat=timezone.now() - timedelta(days=1))
    ours = runtime.state(dispatcher.Dispatcher)
    end = time.monotonic() + 20
    while ours.untrusted_at == float("-inf"):
        dispatcher.look()
        assert time.monotonic() < end
        time.sleep(0.01)
    job.refresh_from_db()
    assert job.worker == "elsewhere:1"


def test_a_job_that_another_process_has_just_taken_stays_with_it(alice, engine_row, monkeypatch):
    job = job_of(alice, engine_row, state=State.RUNNING, worker="dead")

    def taken_meanwhile(name):
        ImageJob.objects.filter(pk=job.pk).update(worker="alive", heartbeat=timezone.now())
        return True

    monkeypatch.setattr(identity, "has_ended", taken_meanwhile)
    assert claims.take_over([]) == []
    job.refresh_from_db()
    assert job.worker == "alive"


def test_a_job_that_has_just_ended_is_not_taken_over(alice, engine_row, monkeypatch):
    job = job_of(alice, engine_row, state=State.RUNNING, worker="dead")

    def ended_meanwhile(name):
        claims.finish(job, State.SUCCEEDED)
        return True

    monkeypatch.setattr(identity, "has_ended", ended_meanwhile)
    assert claims.take_over([]) == []
    job.refresh_from_db()
    assert job.worker == "dead"


def test_a_job_that_is_taken_while_the_process_ends_is_let_go_too(alice, engine_row):
    row = runtime.state(dispatcher.Dispatcher)
    job = job_of(alice, engine_row, state=State.QUEUED, worker=claims.worker())

    class Taking(threading.Semaphore):
        """A turn in which the thread takes the job, while the end of the process waits for it."""

        def acquire(self, *args, **options):
            row.hold(job)
            return super().acquire(*args, **options)

    row.claiming = Taking(1)
    row.close()
    job.refresh_from_db()
    assert job.worker == claims.NOBODY


def test_a_process_that_ends_takes_no_job_any_more(alice, engine_row):
    row = runtime.state(dispatcher.Dispatcher)
    job = job_of(alice, engine_row, state=State.QUEUED, worker=claims.worker())
    row.hold(job)
    row.close()
    row._tick()
    job.refresh_from_db()
    assert (job.state, job.worker) == (State.QUEUED, claims.NOBODY)


def test_a_process_knows_that_it_and_its_parent_have_not_ended(dead_name):
    assert not identity.has_ended(identity.name())
    assert identity.has_ended(dead_name)


def test_a_process_that_nobody_has_waited_for_has_ended_all_the_same():
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout.read() == b""  # it is over, and a zombie until `wait`
    host, _pid, place, token = identity.name().split(":")
    name = f"{host}:{child.pid}:{place}:{token}"
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert identity.has_ended(name)
    child.wait()
    child.stdout.close()
