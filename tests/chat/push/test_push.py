"""Web Push, end to end: an answer ends, and a push service gets what only the device can read."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.cache import cache
from django.db import connection as database

from chat.models import PushDevice, PushKey
from chat.push import keys, looking
from chat.push.devices import name_of
from providers.http import streaming
from tests import people
from tests.chat.talk import Talker

AUTH = b"sixteen bytes of"
PRIVATE = ec.generate_private_key(ec.SECP256R1())
POINT = PRIVATE.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
SUBSCRIPTION = {
    "endpoint": "https://push.example.com/send/1",
    "keys": {"p256dh": keys.encoded(POINT), "auth": keys.encoded(AUTH)},
}
PATIENCE = 15


class PushService:
    """A push service on a socket of this machine; `/gone/…` has ended."""

    def __init__(self):
        self.messages = messages = Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                messages.put((self.path, dict(self.headers), body))
                self.send_response(410 if self.path.startswith("/gone/") else 201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        """The headers of the next message, and what the device reads."""
        path, headers, body = self.messages.get(timeout=PATIENCE)
        content = http_ece.decrypt(body, private_key=PRIVATE, auth_secret=AUTH, version="aes128gcm")
        return path, headers, json.loads(content)


@pytest.fixture
def service():
    running = PushService()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def nearby(monkeypatch):
    """The push service of these tests is on this machine, where the policy lets no endpoint lead."""
    monkeypatch.setattr(streaming, "vet", lambda address: None)


@pytest.fixture
def talker(site, alice, connection):
    cache.clear()
    people.set_chat(titles=False, follow_ups=False)
    return Talker(site, alice)


def device(user, address):
    secrets = {"auth": keys.encoded(AUTH), "public": keys.encoded(POINT)}
    return PushDevice.objects.create(user=user, endpoint=address, digest=address[-60:], name="Firefox", **secrets)


def answered(talker, content="Hello"):
    started = talker.start(content)
    talker.until_over(started["chat"]["id"], started["message"]["id"])
    return started


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_device_is_told_once_and_only_it_can_read_what(talker, service, nearby, alice):
    row = device(alice, f"{service.url}/send/1")
    gone = device(alice, f"{service.url}/gone/2")
    device(people.make_user("Bob"), f"{service.url}/send/of-bob")

    started = answered(talker)
    messages = sorted((service.next() for _ in range(2)), key=lambda message: message[0])
    assert [path for path, _headers, _content in messages] == ["/gone/2", "/send/1"]
    _path, headers, content = messages[1]
    assert content == {
        "title": "Your answer is ready",
        "body": "",
        "url": f"/c/{started['chat']['id']}",
        "tag": started["message"]["id"],
    }
    assert headers["Content-Encoding"] == "aes128gcm"
    token, public = headers["Authorization"].removeprefix("vapid t=").split(", k=")
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), keys.decoded(public))
    claims = jwt.decode(token, point, algorithms=["ES256"], audience=service.url)
    assert claims["sub"].startswith("mailto:")
    until(lambda: not PushDevice.objects.filter(pk=gone.pk).exists())
    until(lambda: PushDevice.objects.get(pk=row.pk).last_told)

    # In their language, with the text where they want it.
    talker.send("PATCH", "/api/v1/preferences", {"notice_text": True})
    answered(talker, "Second question")
    _path, _headers, content = service.next()
    assert content["title"] == "Second question"
    assert content["body"]
    talker.send("PATCH", "/api/v1/preferences", {"notice_text": None})
    alice.refresh_from_db()
    alice.preferences["language"] = "zh-hans"
    alice.save()
    answered(talker)
    assert service.next()[2]["title"] == "你的回答已就绪"

    # Nobody is told while somebody looks at a page.
    tab = talker.listen()
    tab.send({"type": "looking", "tab": "a", "visible": True})
    until(lambda: looking.is_looking(alice.pk))
    answered(talker)
    tab.send({"type": "looking", "tab": "b", "visible": False})
    tab.send({"type": "looking", "tab": "a", "visible": False})
    until(lambda: not looking.is_looking(alice.pk))
    started = answered(talker)
    assert service.next()[2]["tag"] == started["message"]["id"]
    with pytest.raises(Empty):
        service.messages.get(timeout=0.2)
    tab.socket.close()


def test_an_endpoint_never_leads_into_a_private_network(talker, service, alice, caplog):
    device(alice, f"{service.url}/send/1")
    answered(talker)
    until(lambda: "could not be told: AddressRefused" in caplog.text)
    assert service.messages.empty()
    assert PushDevice.objects.get().last_told is None


@pytest.mark.django_db
def test_devices_are_their_persons_and_what_reaches_them_is_encrypted(client, alice, bob):
    client.force_login(alice)
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    send = {"data": SUBSCRIPTION, "content_type": "application/json", "headers": {"user-agent": firefox}}
    made = client.post("/api/v1/push/devices", **send)
    assert made.status_code == 201
    assert made.json()["name"] == "Firefox, Linux"
    assert client.post("/api/v1/push/devices", **send).json()["id"] == made.json()["id"]
    with database.cursor() as cursor:
        cursor.execute("select endpoint, auth from chat_pushdevice")
        stored = " ".join(cursor.fetchone())
    assert "push.example.com" not in stored
    assert SUBSCRIPTION["keys"]["auth"] not in stored

    client.force_login(bob)
    address = f"/api/v1/push/devices/{made.json()['id']}"
    assert client.delete(address).status_code == 404
    assert client.post(f"/settings/notices/{made.json()['id']}/remove").status_code == 404
    assert client.get("/api/v1/push/devices").json() == {"results": []}
    client.force_login(alice)
    assert client.get("/api/v1/push/devices").json()["results"][0]["last_told"] is None
    assert client.delete(address).status_code == 204
    for wrong in ("x", "0" * 40, "%00"):
        assert client.delete(f"/api/v1/push/devices/{wrong}").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://push.example.com/1"},
        {"endpoint": "https://user@push.example.com/1"},
        {"endpoint": "https://"},
        {"endpoint": f"https://push.example.com/{'x' * 3000}"},
        {"endpoint": 7},
        {"endpoint": "https://push.example.com/1\0"},
        {"endpoint": "https://push.example.com/1\ud83d"},
        {"keys": {"p256dh": "AAAA", "auth": SUBSCRIPTION["keys"]["auth"]}},
        {"keys": {"p256dh": SUBSCRIPTION["keys"]["p256dh"], "auth": "\u00fc"}},
        {"keys": None},
    ],
)
def test_what_is_no_subscription_is_refused(client, alice, change):
    client.force_login(alice)
    answer = client.post("/api/v1/push/devices", {**SUBSCRIPTION, **change}, content_type="application/json")
    assert answer.status_code == 400
    assert not PushDevice.objects.exists()


@pytest.mark.django_db
def test_a_person_has_at_most_twenty_devices(client, alice):
    client.force_login(alice)
    for number in range(21):
        body = {**SUBSCRIPTION, "endpoint": f"https://push.example.com/{number}"}
        answer = client.post("/api/v1/push/devices", body, content_type="application/json")
    assert answer.status_code == 409
    assert answer.json()["code"] == "too_many_devices"


@pytest.mark.django_db
def test_the_key_pair_is_made_once_and_its_secret_is_encrypted(client, alice):
    client.force_login(alice)
    first, second = (client.get("/api/v1/push/key").json()["public_key"] for _ in range(2))
    assert first == second == PushKey.objects.get().public
    assert len(keys.decoded(first)) == 65
    with database.cursor() as cursor:
        cursor.execute("select private from chat_pushkey")
        assert "PRIVATE KEY" not in cursor.fetchone()[0]


def test_browsers_are_named_as_people_know_them():
    edge = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0"
    assert name_of(edge) == "Edge, Windows"
    assert name_of("curl/8") == "?"
