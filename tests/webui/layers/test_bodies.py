"""Compressed and chunked request bodies: the lane and the views read them like plain ones."""

import gzip
import http.client
import io
import json
import socket
import zlib
from urllib.parse import urlsplit

import pytest

from tests.upstream.packed import PACKINGS

CHAT = {"model": "m1", "messages": [{"role": "user", "content": "hello " * 50}]}
# Routes that read JSON in different ways, each with a body and the status of success.
ROUTES = {
    "/v1/chat/completions": (CHAT, 200),
    "/openai/chat/completions": (CHAT, 200),
    "/openai/deployments/m1/chat/completions": (CHAT, 200),
    "/v1/embeddings": ({"model": "m1", "input": "hello"}, 200),
    "/api/chat/completions": (CHAT, 200),
    "/api/v1/chats/": ({"title": "hello"}, 201),
    "/api/v1/preferences": ({"theme": "dark"}, 200),
}
PACKED = [name for name in PACKINGS if name not in ("identity", "a charset", "gzip in br")]


def post(site, path, body, headers=None, *, key, views=False, method="POST"):
    """One request; a list is sent in chunks."""
    address = urlsplit(site.views_url if views else site.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    head = {"Content-Type": "application/json", "Authorization": f"Bearer {key}", **(headers or {})}
    chunked = isinstance(body, list)
    if chunked:
        head["Transfer-Encoding"] = "chunked"
    connection.request(method, path, iter(body) if chunked else body, head, encode_chunked=chunked)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, dict(answer.getheaders())


def status_of(site, path, body, headers, **options):
    method = "PATCH" if path.endswith("preferences") else "POST"
    status, content, _headers = post(site, path, body, headers, method=method, **options)
    if status == 405:
        status, content, _headers = post(site, path, body, headers, method="POST", **options)
    return status, content


@pytest.fixture
def key(alice, connection):
    from tests.people import make_key

    return make_key(alice, scopes=["inference", "chats", "images", "admin"])


entrances = pytest.mark.parametrize("views", [False, True], ids=["site", "views"])


@entrances
@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "deflate"])
def test_a_route_reads_a_packed_body(site, key, path, name, views):
    body, success = ROUTES[path]
    encoding, pack = PACKINGS[name]
    data = json.dumps(body).encode()
    plain = status_of(site, path, data, {}, key=key, views=views)[0]
    assert plain == success
    assert status_of(site, path, pack(data), {"Content-Encoding": encoding}, key=key, views=views)[0] == success


@entrances
@pytest.mark.parametrize("name", PACKED)
def test_the_provider_gets_the_plain_body(site, upstream, key, name, views):
    encoding, pack = PACKINGS[name]
    data = json.dumps(CHAT).encode()
    headers = {"Content-Encoding": encoding}
    assert post(site, "/v1/chat/completions", pack(data), headers, key=key, views=views)[0] == 200
    assert upstream.last.body == data
    assert "Content-Encoding" not in upstream.last.headers


@entrances
@pytest.mark.parametrize("path", ROUTES)
def test_a_route_reads_a_body_in_chunks(site, key, path, views):
    body, success = ROUTES[path]
    data = json.dumps(body).encode()
    pieces = [data[at : at + 40] for at in range(0, len(data), 40)]
    assert status_of(site, path, pieces, {}, key=key, views=views)[0] == success


@entrances
@pytest.mark.parametrize("path", ROUTES)
def test_a_body_that_is_huge_once_unpacked_is_too_large(site, key, path, views, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20
    body = json.dumps({**ROUTES[path][0], "more": "x" * 20 * 2**20}).encode()
    for encoding, data in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        assert status_of(site, path, data, {"Content-Encoding": encoding}, key=key, views=views)[0] == 413


@entrances
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v1/chats/", "/api/v1/files/", "/accounts/login/"])
def test_a_declared_length_that_is_too_large_is_refused_at_once(site, key, path, views):
    address = urlsplit(site.views_url if views else site.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {key}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 9000000000\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 413"


@entrances
@pytest.mark.parametrize("path", ROUTES)
def test_an_encoding_that_is_not_known_is_refused_in_words(site, key, path, views):
    for encoding in ("compress", "gzip, pack200", "x"):
        status, content = status_of(site, path, b"\x1f\x9d", {"Content-Encoding": encoding}, key=key, views=views)
        assert status == 415
        assert b"Content-Encoding" in content
        assert b"gzip, deflate, br, zstd" in content


@entrances
@pytest.mark.parametrize("path", [*ROUTES, "/api/v1/files/"])
def test_a_body_that_is_packed_several_times_is_refused_in_words(site, key, path, views):
    data = gzip.compress(gzip.compress(b"{}"))
    for encoding in ("gzip, gzip", "gzip,gzip,gzip", "br, zstd", "identity, deflate, gzip"):
        status, content = status_of(site, path, data, {"Content-Encoding": encoding}, key=key, views=views)
        assert status == 415
        assert b"one Content-Encoding, not several" in content


@entrances
@pytest.mark.parametrize("path", ["/api/v1/files/", "/v1/images/edits", "/accounts/login/"])
@pytest.mark.parametrize("form", ["multipart/form-data; boundary=b", "Multipart/Form-Data; boundary=b"])
def test_a_form_unpacks_to_no_more_than_any_other_body(site, connection, path, form, views, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20
    headers = {"Content-Type": form, "Content-Encoding": "gzip"}
    data = gzip.compress(b"--b\r\n" + b"x" * 2**21)
    assert post(site, path, data, headers, key="sk-nobody", views=views)[0] == 413


@entrances
@pytest.mark.parametrize("path", ROUTES)
def test_a_body_that_is_not_packed_as_it_says_is_refused(site, key, path, views):
    data = json.dumps(ROUTES[path][0]).encode()
    for broken in (data, gzip.compress(data)[:-9]):
        status, content = status_of(site, path, broken, {"Content-Encoding": "gzip"}, key=key, views=views)
        assert (status, b"invalid_encoding" in content) == (400, True)


@entrances
@pytest.mark.parametrize("in_chunks", [False, True], ids=["at once", "in chunks"])
def test_an_upload_may_be_packed(site, key, views, in_chunks):
    text = b"a long text of a file\n" * 500
    form = io.BytesIO()
    form.write(b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n')
    form.write(b"Content-Type: text/plain\r\n\r\n" + text + b"\r\n--b--\r\n")
    data = gzip.compress(form.getvalue())
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Encoding": "gzip"}
    body = [data[:50], data[50:]] if in_chunks else data
    status, content, _headers = post(site, "/api/v1/files/", body, headers, key=key, views=views)
    assert (status, json.loads(content)["size"]) == (201, len(text))


def test_a_provider_may_pack_whatever_the_client_sent(site, upstream, key):
    data = gzip.compress(json.dumps(CHAT).encode())
    status, content, _headers = post(site, "/v1/chat/completions", data, {"Content-Encoding": "gzip"}, key=key)
    assert status == 200
    assert json.loads(content)["choices"]
