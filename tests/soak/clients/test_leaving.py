"""Clients that leave in the middle of an answer, and clients that read nothing: neither costs the site anything."""

import asyncio
import contextlib
import json
import socket
import threading

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.chat.talk import Talker
from tests.chat.test_processes import EMAIL, RemoteSite
from tests.soak.clients.at_once import PATIENCE, SERVERS, STREAMED, bearer, browser_headers, crowd, until
from tests.soak.proc import open_files, open_sockets, resident_kilobytes
from tests.soak.test_crowd import ONLY_CHATS
from tests.upstream import Gate, Reply, frame
from tests.upstream.openai import EVENTS, chat

LEAVING = 500
ROUNDS = 3
# SQLite keeps the descriptors of closed connections for later ones, as many as were open at once ("pUnused" in
# https://www.sqlite.org/src/file/src/os_unix.c): they are counted from the first round on.
SPARE_FILES = 20
READERS = 20
PIECE, PIECES = 100_000, 300  # characters of a piece, pieces of an answer: 30 MB
ASKED = 60  # snapshots of 2 MB that a tab asks for and does not read
MOST_KEPT = 4_096  # kilobytes of memory for a client that reads nothing


async def leave_in_mid_stream(site, ways, upstream):
    """So many clients at once read the first word and close their connections."""
    before = len(upstream.chats)
    async with crowd() as client:

        async def begin(number):
            path, headers = ways[number % len(ways)]
            answer = await client.post(f"{site.url}{path}", json=STREAMED, headers=headers)
            assert answer.status == 200
            async for line in answer.content:
                if b"one" in line:
                    return answer
            raise AssertionError("the answer has ended")

        answers = await asyncio.gather(*(begin(number) for number in range(LEAVING)))
        most = resident_kilobytes(site)
        for answer in answers:
            answer.close()
    begun = upstream.chats[before:]
    assert len(begun) == LEAVING
    return begun, most


@pytest.mark.parametrize("server", SERVERS)
def test_five_hundred_clients_that_leave_leave_nothing_behind(server_process, environment, upstream, server):
    site = server_process(server=server, env=environment).start()
    browser, key = RemoteSite(site).session(), site.create_api_key(EMAIL)
    ways = [("/v1/chat/completions", bearer(key)), ("/openai/chat/completions", browser_headers(browser))]
    upstream.always(chat("one two", after={1: Gate()}), path="/chat/completions")
    sockets, files, before, sizes = open_sockets(site), [], resident_kilobytes(site), []
    for _round in range(ROUNDS):
        begun, most = asyncio.run(leave_in_mid_stream(site, ways, upstream))
        until(lambda: all(call.closed.is_set() for call in begun))  # noqa: B023  used in this round alone
        until(lambda: open_sockets(site) <= sockets + SPARE_FILES)
        files.append(open_files(site))
        sizes.append((most, resident_kilobytes(site)))
    print(f"{server}: {files} open files, memory with clients and without: {sizes}")
    assert files[-1] <= files[0] + SPARE_FILES
    # What was freed waits for Python's collector: further rounds together take less than half of what one takes.
    assert sizes[-1][1] - sizes[0][1] < (sizes[0][0] - before) / 2
    assert browser.get(site.url, timeout=PATIENCE).status_code == 200
    assert "Traceback" not in site.log()


class Reader(contextlib.closing):
    """A client that asks for a stream, sees that it begins, and then reads only when it is told to."""

    def __init__(self, site, path, headers):
        data = json.dumps(STREAMED).encode()
        headers = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": len(data), **headers}
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(("127.0.0.1", site.port))
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.sock.sendall("\r\n".join(lines).encode() + data)
        self.seen = self.sock.recv(64)
        assert self.seen.startswith(b"HTTP/1.1 200"), self.seen
        super().__init__(self.sock)

    def read_to_the_end(self):
        """How many bytes of the pieces came."""
        count, rest = 0, self.seen
        while not rest.endswith(b"0\r\n\r\n"):
            data = self.sock.recv(2**20)
            assert data, "cut off"
            count += data.count(b"#")
            rest = (rest + data)[-5:]
        return count


def standing_still(calls):
    """Whether the upstream could pass nothing on for a while."""
    sent = [call.sent for call in calls]
    threading.Event().wait(2)
    return sent == [call.sent for call in calls]


@pytest.mark.parametrize("server", SERVERS)
def test_clients_that_read_nothing_take_no_memory(server_process, environment, upstream, server):
    site = server_process(server=server, env=environment).start()
    browser, key = RemoteSite(site).session(), site.create_api_key(EMAIL)
    ways = [("/v1/chat/completions", bearer(key)), ("/openai/chat/completions", browser_headers(browser))]
    piece = frame({"choices": [{"index": 0, "delta": {"content": "#" * PIECE}}]})
    answer = Reply(200, EVENTS, steps=[piece] * PIECES + [frame("[DONE]")])
    upstream.always(answer, path="/chat/completions")
    before = resident_kilobytes(site)
    with contextlib.ExitStack() as open_calls:
        readers = [Reader(site, *ways[number % 2]) for number in range(READERS)]
        for reader in readers:
            open_calls.enter_context(reader)
        upstream.wait_for("/chat/completions", READERS)
        until(lambda: standing_still(upstream.chats))
        full = resident_kilobytes(site)
        print(f"{server}: {before} to {full} kB, sent {max(call.sent for call in upstream.chats)} bytes of each answer")
        assert (full - before) / READERS < MOST_KEPT
        for reader in readers[:2]:  # one of each way
            assert reader.read_to_the_end() == PIECE * PIECES
    until(lambda: all(call.done.is_set() for call in upstream.chats))
    assert [call.closed.is_set() for call in upstream.chats].count(False) == 2
    assert "Traceback" not in site.log()


@pytest.mark.parametrize("server", SERVERS)
def test_a_tab_that_reads_nothing_takes_no_memory(server_process, environment, upstream, server):
    site = server_process(server=server, env={**environment, **ONLY_CHATS}).start()
    talker = Talker(RemoteSite(site))
    upstream.answer(["#" * PIECE] * 19)  # as long as an answer may be, almost
    started = talker.start()
    message_id = started["message"]["id"]
    assert talker.until_over(started["chat"]["id"], message_id)["status"] == "done"
    resume = json.dumps({"type": "resume", "message_id": message_id, "seq": 0})
    pause = threading.Event()
    for _round in range(2):  # the first one takes what any snapshot takes
        before = resident_kilobytes(site)
        with contextlib.suppress(ConnectionClosed), tab_of(site, talker.session) as tab:
            for _asked in range(ASKED):
                tab.send(resume)
                pause.wait(0.1)  # more than ten in a second are not taken
        full = resident_kilobytes(site)
    print(f"{server}: {before} to {full} kB")
    assert full - before < ASKED * 19 * PIECE / 1024 / 4
    with tab_of(site, talker.session) as tab:
        tab.send(resume)
        assert len(json.loads(tab.recv(PATIENCE))["data"]["data"]["content"]) == 19 * PIECE
    assert "Traceback" not in site.log()


def tab_of(site, session):
    """A socket of this session that takes a message only when it is asked for one, and sends no pings."""
    headers = {"Cookie": f"sessionid={session.cookies['sessionid']}"}
    options = {"origin": site.url, "ping_interval": None, "close_timeout": 0, "max_queue": 1, "max_size": None}
    return connect(f"ws{site.url[4:]}/ws/events", additional_headers=headers, **options)
