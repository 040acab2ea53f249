"""The pool of decoding workers: start, reuse, kill at a limit, end with the process."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from chat.decoding import frames, pool, refusals
from chat.decoding.pool import Decoders
from chat.decoding.refusals import NotDecoded
from chat.files import documents, pictures
from providers import runtime
from providers.errors import BadRequest, TooLarge, Unavailable
from tests.chat.decoding import weights
from tests.chat.files.test_rows import png
from tests.chat.pdf import pdf
from tests.fixtures.process import ROOT

PATIENCE = 30.0


def workers() -> list[int]:
    return [worker.process.pid for worker in runtime.state(Decoders).workers]


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def until(holds) -> bool:
    """Wait until the condition holds; false if it does not in time."""
    pause = threading.Event()
    return any(holds() or pause.wait(0.05) for _look in range(600))


def test_no_worker_is_there_before_it_is_needed():
    assert pictures.measure(png()) == pictures.Facts("image/png", 8, 6)
    assert workers() == []


def test_one_worker_does_one_task_after_the_other():
    pictures.thumbnail(png(), 128)
    first = workers()
    for content in (png(40, 40), b"\x89PNG\r\n\x1a\n and then nothing", png(30, 30)):
        with suppress(BadRequest):
            pictures.thumbnail(content, 128)
    assert workers() == first


def test_there_are_no_more_than_the_setting_says(settings):
    settings.DECODING_WORKERS = 2
    with ThreadPoolExecutor(8) as threads:
        sizes = list(threads.map(lambda _number: len(pictures.thumbnail(png(900, 900), 128)), range(16)))
    assert len(set(sizes)) == 1
    assert len(workers()) <= 2


@pytest.mark.parametrize("signal_sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_after_a_worker_was_killed_the_next_call_works(signal_sent):
    pictures.thumbnail(png(), 128)
    (first,) = workers()
    os.kill(first, signal_sent)
    runtime.state(Decoders).idle[0].process.wait()

    pictures.thumbnail(png(), 128)

    assert first not in workers()


def test_a_task_whose_worker_somebody_ends_is_done_by_another():
    pictures.thumbnail(png(), 128)
    state = runtime.state(Decoders)
    (pid,) = workers()
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as threads:
        made = threads.submit(pictures.thumbnail, png(), 128)
        assert until(lambda: not state.idle)
        os.kill(pid, signal.SIGKILL)
        assert made.result(PATIENCE)


def test_what_takes_too_much_time_is_too_large(settings):
    settings.DECODING_SECONDS = 0.05
    with pytest.raises(TooLarge, match="too large to be read"):
        pictures.thumbnail(weights.png(), 128)
    settings.DECODING_SECONDS = 10.0
    assert pictures.thumbnail(png(), 128)


def test_a_worker_that_hangs_is_killed_at_its_deadline(monkeypatch):
    pictures.thumbnail(png(), 128)
    (pid,) = workers()
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(pool, "WALL", 0.01)

    with pytest.raises(TooLarge) as caught:
        pictures.thumbnail(png(), 128)

    assert caught.value.code == "picture_too_large"
    assert not is_running(pid)
    monkeypatch.undo()
    assert pictures.thumbnail(png(), 128)


def test_what_needs_too_much_memory_is_too_large(settings):
    settings.DECODING_MEMORY_BYTES = 150 * 2**20
    with pytest.raises(TooLarge, match="too large to be read"):
        pictures.thumbnail(weights.png(), 128)
    assert pictures.thumbnail(png(), 128)


def test_more_than_one_task_may_hold_is_too_large():
    content = bytes(frames.MAX_BYTES + 1)
    assert documents.read(content, documents.PDF).problem == documents.TOO_LONG
    with pytest.raises(TooLarge) as caught:
        pictures.thumbnail(content, 128)
    assert (caught.value.code, workers()) == ("picture_too_large", [])


def test_whoever_waits_too_long_is_told_to_come_again():
    both, release = threading.Barrier(3), threading.Event()

    def slow() -> bytes:
        both.wait(PATIENCE)
        release.wait(PATIENCE)
        return png()

    with ThreadPoolExecutor(2) as threads:
        for _place in range(2):
            threads.submit(pictures.thumbnail, slow, 128)
        both.wait(PATIENCE)
        try:
            with pytest.raises(Unavailable) as caught:
                pictures.thumbnail(png(), 128, patience=0.0)
        finally:
            release.set()
    assert (caught.value.status, caught.value.code, caught.value.retry_after) == (503, "decoding_busy", 5.0)


def test_while_pdfs_are_read_one_place_is_left_for_pictures(settings):
    settings.DECODING_WORKERS = 2
    reading, release = threading.Event(), threading.Event()

    def slow() -> bytes:
        reading.set()
        release.wait(PATIENCE)
        return pdf("words")

    with ThreadPoolExecutor(4) as threads:
        read = [threads.submit(documents.read, slow, "application/pdf") for _number in range(4)]
        assert reading.wait(PATIENCE)
        try:
            assert pictures.thumbnail(png(), 128, patience=PATIENCE / 2)
        finally:
            release.set()
        assert [one.result(PATIENCE).text for one in read] == ["words"] * 4


def test_an_idle_worker_ends_after_a_while(monkeypatch):
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.05)
    pictures.thumbnail(png(), 128)
    state = runtime.state(Decoders)
    assert until(lambda: state.watcher is None)
    assert (workers(), state.idle) == ([], [])
    assert pictures.thumbnail(png(), 128)


def test_workers_end_with_the_runtime():
    pictures.thumbnail(png(), 128)
    (pid,) = workers()
    runtime.replace()
    assert not is_running(pid)
    assert workers() == []


def test_no_worker_outlives_a_process_that_was_killed():
    script = (
        "import django; django.setup()\n"
        "import os, signal\n"
        "from chat.decoding.pool import Decoders\n"
        "from chat.files import pictures\n"
        "from providers import runtime\n"
        "from tests.chat.files.test_rows import png\n"
        "pictures.thumbnail(png(), 128)\n"
        "print(*[worker.process.pid for worker in runtime.state(Decoders).workers], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout)
    assert until(lambda: not is_running(pid))


def test_a_worker_knows_no_secrets_and_may_write_nothing():
    pictures.thumbnail(png(), 128)
    (pid,) = workers()
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert {entry.partition(b"=")[0] for entry in environment.split(b"\0") if entry} == {
        b"PYTHONPATH",
        b"LANG",
        b"MALLOC_ARENA_MAX",
    }
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert "Max file size             0                    0" in limits


def test_a_worker_loads_neither_django_nor_the_settings():
    script = (
        "import sys\n"
        "from chat.decoding import documents, encodings, formats, frames, pictures, refusals, worker\n"
        "others = ('django', 'webui', 'providers', 'rest_framework')\n"
        "print([name for name in sys.modules if name.split('.')[0] in others])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_worker_that_cannot_run_is_no_fault_of_the_file(settings, caplog):
    memory, settings.DECODING_MEMORY_BYTES = settings.DECODING_MEMORY_BYTES, "much"
    with pytest.raises(Unavailable) as caught:
        pictures.thumbnail(png(), 128)
    assert (caught.value.status, caught.value.code) == (503, "decoding_failed")
    assert "ended with status 1 while it did “thumbnail”" in caplog.text
    settings.DECODING_MEMORY_BYTES = memory
    assert pictures.thumbnail(png(), 128)


def test_a_mistake_of_ours_is_in_the_log_and_the_file_is_unreadable(caplog):
    with pytest.raises(NotDecoded) as caught:
        pool.run("thumbnail", png(), nothing=1)
    assert caught.value.code == refusals.UNREADABLE
    assert "TypeError" in caplog.text
