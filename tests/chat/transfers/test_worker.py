"""Work in the background: cancelled, taken over from a process that died, given up after several deaths, cleared."""

import io
import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from chat import transfers
from chat.files import stores
from chat.models import Chat, Message, Transfer
from chat.transfers import base, table, worker
from chat.transfers.base import TransferCancelled, Work
from chat.transfers.worker import TransferWorkers
from providers import runtime
from providers.errors import Conflict
from tests.chat.imports import exports

pytestmark = pytest.mark.django_db(transaction=True)
State = Transfer.TransferState


@pytest.fixture
def alone():
    """No thread of this process runs works: the test does."""
    runtime.state(TransferWorkers).close()


def an_import(user, content, **values):
    name = stores.write("transfers/test", content)
    return Transfer.objects.create(user=user, kind="import", storage_name=name, name="x.zip", **values)


def run_one():
    """Run the next work in this thread; its row, None without one."""
    row = worker._claim()
    if row is not None:
        worker._run(row, is_leaving=lambda: False)
        row.refresh_from_db()
    return row


def test_what_a_dead_process_left_is_begun_again_and_comes_once(alice, alone):
    dead = {"state": State.RUNNING, "worker": "elsewhere:1::x", "attempts": 1, "options": {"go": True}}
    late = timezone.now() - timedelta(minutes=5)
    row = an_import(alice, exports.chatgpt_zip(), heartbeat=late, **dead)
    # It died after its first chat: that one is here already.
    work = Work(row, is_leaving=lambda: len(Chat.objects.all()) > 0)
    with pytest.raises(worker.Leaving):
        worker.table.function_of("import")(work)
    before = Chat.objects.count()
    assert 0 < before < 3
    Transfer.objects.update(heartbeat=late)
    done = run_one()
    assert (done.pk, done.state, done.attempts) == (row.pk, State.DONE, 2)
    assert (Chat.objects.count(), Message.objects.count()) == (3, 10)
    assert done.report["chats"] == {"known": before, "new": 3 - before, "unreadable": 1}
    assert (done.storage_name, any(name.startswith("transfers/") for name, _when in stores.stored())) == ("", False)
    # One that is alive stays with its process, and its person's next work waits.
    Transfer.objects.filter(pk=row.pk).update(state=State.RUNNING, heartbeat=timezone.now(), worker="elsewhere:1::x")
    Transfer.objects.create(user=alice, kind="export")
    assert run_one() is None
    # One that ends each process is given up, with a reason.
    Transfer.objects.filter(pk=row.pk).update(heartbeat=late, attempts=worker.ATTEMPTS)
    run_one()
    row.refresh_from_db()
    assert (row.state, row.error["code"]) == (State.FAILED, "interrupted")


def test_a_cancelled_work_ends_and_what_came_stays(alice, alone):
    row = an_import(alice, exports.chatgpt_zip(), options={"go": True})
    taken = worker._claim()
    with pytest.raises(Conflict):
        transfers.remove(taken)
    transfers.cancel(taken)
    worker._run(taken, is_leaving=lambda: False)
    row.refresh_from_db()
    assert (row.state, row.is_open) == (State.CANCELLED, False)
    transfers.queue(row, go=True)
    assert run_one().state == State.DONE
    waiting = Transfer.objects.create(user=alice, kind="export")
    transfers.cancel(waiting)
    assert waiting.state == State.CANCELLED
    Transfer.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert transfers.purge(timezone.now()) == 2
    assert not any(name.startswith("transfers/") for name, _when in stores.stored())


def test_only_the_run_that_has_a_work_goes_on_and_ends_it(alice, alone, monkeypatch):
    row = an_import(alice, exports.chatgpt_zip(), options={"go": True})
    first = worker._claim()
    table.function_of("import")(Work(first, is_leaving=lambda: False))
    assert stores.read(row.storage_name)  # its end is not stored: whoever begins it again needs the upload
    Transfer.objects.update(heartbeat=timezone.now() - timedelta(minutes=5))
    second = worker._claim()
    assert (second.pk, second.attempts, second.worker == first.worker) == (row.pk, 2, False)
    stored = list(stores.stored())
    late = Work(first, is_leaving=lambda: False)
    with pytest.raises(TransferCancelled):
        late.beat()
    with pytest.raises(TransferCancelled):
        late.keep(io.BytesIO(b"late"))
    worker._end(first, State.FAILED, drops_file=True)
    assert list(stores.stored()) == stored
    # While something large is stored nothing calls `beat`.
    monkeypatch.setattr(base, "ALIVE_SECONDS", 0.01)
    never = threading.Event()
    with Work(second, is_leaving=lambda: False).alive():
        long_ago = timezone.now() - timedelta(minutes=5)
        Transfer.objects.update(heartbeat=long_ago)
        looks = (Transfer.objects.get().heartbeat for _look in range(1000) if not never.wait(0.01))
        assert next(heartbeat for heartbeat in looks if heartbeat > long_ago)
    worker._run(second, is_leaving=lambda: False)
    row.refresh_from_db()
    assert (row.state, row.storage_name, row.report["chats"]["known"]) == (State.DONE, "", 3)
    assert not any(name.startswith("transfers/") for name, _when in stores.stored())
    # What was cancelled stays so.
    Transfer.objects.update(state=State.CANCELLED)
    second.state = State.RUNNING
    worker._end(second, State.DONE)
    row.refresh_from_db()
    assert row.state == State.CANCELLED


def test_the_threads_of_a_process_run_and_end(alice):
    runtime.state(TransferWorkers)  # closed with the test
    row = transfers.add(alice, "export", name="x.zip")
    with pytest.raises(Conflict):
        transfers.add(alice, "export")
    over = threading.Event()
    for _look in range(600):
        row.refresh_from_db()
        if not row.is_open or over.wait(0.05):
            break
    assert row.state == State.DONE
