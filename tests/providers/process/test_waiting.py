"""Waits: none in a transaction or a small thread pool, and all through `providers.process.waiting`."""

import ast
import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from providers.process import waiting
from tests.fixtures.process import ROOT
from tests.structure.sources import SOURCES

OWNER = "providers/process/waiting.py"
# Blocking waits that are no method of the owner's; a name with a dot is a function of a module.
WAITS = {"sleep", "result", "join", "wait", "acquire"}
FUNCTIONS = {"async_to_sync"}
# file: how many waits it has besides, and why they hold nothing.
ALLOWED = {
    "providers/http/streaming.py": "the end of a process",
    "providers/auth/entra.py": "gives its connection back where the lock makes it wait",
    "providers/process/background.py": "the end of a process, and of a test",
    "chat/decoding/pool.py": "a thread without a connection, and processes that were killed",
    "webui/demo/server.py": "a server that starts; `local.locate` gives back before",
    "webui/serving/workers.py": "a parent of processes: it has no connection",
    "webui/management/commands/serve.py": "a parent of processes: it has no connection",
    "webui/bootstrap.py": "before anything is served",
    "webui/postgresql/pool.py": "who waits for a connection has none",
}


def waits_of(path):
    """The lines that wait by themselves, outside of coroutines."""
    found = []

    def visit(node, in_coroutine):
        if isinstance(node, ast.AsyncFunctionDef):
            in_coroutine = True
        elif isinstance(node, ast.FunctionDef | ast.Lambda):
            in_coroutine = False
        if isinstance(node, ast.Call) and not in_coroutine:
            function = node.func
            if isinstance(function, ast.Attribute) and function.attr in WAITS and not _is_of_text(function, node):
                owner = ast.unparse(function.value)
                if owner not in ("waiting", "os.path", "path") and not _only_tries(node):
                    found.append(node.lineno)
            elif isinstance(function, ast.Name) and function.id in FUNCTIONS:
                found.append(node.lineno)
        for child in ast.iter_child_nodes(node):
            visit(child, in_coroutine)

    visit(ast.parse(path.read_text()), False)
    return found


def _only_tries(call):
    """`lock.acquire(blocking=False)`"""
    return any(keyword.arg == "blocking" and ast.unparse(keyword.value) == "False" for keyword in call.keywords)


def _is_of_text(function, call):
    """`", ".join(words)`, and the methods of our own that have such a name."""
    if function.attr == "join":  # a thread is told seconds, if anything
        seconds = not call.args or (len(call.args) == 1 and isinstance(call.args[0], ast.Name | ast.Attribute))
        return not seconds or isinstance(function.value, ast.Constant | ast.JoinedStr)
    return ast.unparse(function.value) in ("run", "self._run", "self._pace", "cls", "processes")


def test_every_wait_goes_through_its_owner():
    found = {
        name: lines
        for path in SOURCES
        if (name := path.relative_to(ROOT).as_posix()) != OWNER and (lines := waits_of(path))
    }
    assert {name: lines for name, lines in found.items() if name not in ALLOWED} == {}
    assert set(ALLOWED) <= set(found)


@pytest.mark.django_db(transaction=True)
def test_a_wait_in_a_transaction_is_an_error():
    with transaction.atomic(), pytest.raises(waiting.HoldsWhileWaiting, match="transaction"):
        waiting.give_back()
    waiting.give_back()


@pytest.mark.django_db
def test_the_transaction_of_a_test_is_none():
    waiting.sleep(0)
    assert connection.in_atomic_block


def test_a_wait_in_a_small_pool_is_an_error():
    with ThreadPoolExecutor(1, initializer=waiting.mark_small_pool) as threads:
        error = threads.submit(waiting.give_back).exception()
    assert isinstance(error, waiting.HoldsWhileWaiting)


async def test_a_wait_in_a_loops_default_threads_is_an_error():
    with pytest.raises(waiting.HoldsWhileWaiting, match="small pool"):
        await asyncio.to_thread(waiting.give_back)
    await waiting.in_own_thread(waiting.give_back)


@pytest.mark.django_db(transaction=True)
def test_outside_of_tests_the_log_says_it_and_work_goes_on(settings, caplog):
    settings.STRICT_WAITING = False
    with transaction.atomic():
        waiting.give_back()
    assert "while the thread holds a transaction" in caplog.text


async def test_who_is_cancelled_leaves_the_thread_to_itself():
    gate, ended = threading.Event(), threading.Event()

    def job():
        gate.wait(20)
        ended.set()

    task = asyncio.create_task(waiting.in_own_thread(job))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not ended.is_set()
    gate.set()
    assert await asyncio.to_thread(ended.wait, 20)


@pytest.mark.django_db(transaction=True)
def test_on_postgresql_a_wait_gives_the_connection_back(server_process, postgres_url):
    words = """
from django.db import connection
from providers import runtime
from providers.process import waiting
from webui.postgresql.pool import Pool
connection.ensure_connection()
pool = runtime.state(Pool)
before = pool.slots.taken
waiting.give_back()
print(before, pool.slots.taken, len(pool.idle))
"""
    done = server_process(env={"DATABASE_URL": postgres_url}).manage("shell", "--verbosity", "0", "-c", words)
    assert done.stdout.split() == ["1", "0", "1"]
