"""Static files: collected on change, hashed, compressed, and served by the site."""

import asyncio
import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
import requests
from asgiref.sync import ThreadSensitiveContext
from django.contrib.staticfiles.storage import staticfiles_storage

from tests.fixtures.process import ROOT
from webui.layers.static import StaticFiles


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """One collection of this checkout, as `manage.py bootstrap` makes it."""
    from tests.fixtures.process import ServerProcess

    installation = ServerProcess(tmp_path_factory.mktemp("collected"), env={"WEBUI_DEMO": "false"})
    installation.manage("bootstrap")
    installation.start()
    yield installation
    installation.kill()


def hashed(site, name: str) -> str:
    """The address that a page gives for a static file."""
    page = requests.get(f"{site.url}/accounts/login/", timeout=10).text
    stem, _dot, suffix = name.rpartition(".")
    return site.url + re.search(rf'"(/static/{re.escape(stem)}\.[0-9a-f]{{12}}\.{suffix})"', page)[1]


def test_pages_name_hashed_files_that_never_change(collected):
    answer = requests.get(hashed(collected, "css/common/base.css"), timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_files_travel_compressed_to_who_can_read_it(collected):
    address = hashed(collected, "css/common/base.css")
    with requests.get(address, headers={"Accept-Encoding": "gzip"}, stream=True, timeout=10) as answer:
        packed = answer.raw.read()
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in answer.headers["Vary"]
    with requests.get(address, headers={"Accept-Encoding": "identity"}, stream=True, timeout=10) as answer:
        plain = answer.raw.read()
        assert "Content-Encoding" not in answer.headers
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 2


def test_modules_import_each_other_by_their_hashed_names(collected):
    text = requests.get(hashed(collected, "js/pages/account.js"), timeout=10).text
    imports = re.findall(r'from\s*"(\.\./[^"]+)"', text)
    assert imports
    for name in imports:
        assert re.search(r"\.[0-9a-f]{12}\.js$", name)
        assert requests.get(f"{collected.url}/static/js/{name[3:]}", timeout=10).status_code == 200


def test_a_file_that_did_not_change_is_not_sent_again(collected):
    address = hashed(collected, "css/common/base.css")
    etag = requests.get(address, timeout=10).headers["ETag"]
    assert requests.get(address, headers={"If-None-Match": etag}, timeout=10).status_code == 304


@pytest.mark.parametrize(
    "path", ["/static/../webui/settings.py", "/static/%2e%2e/manage.py", "/static/.stamp", "/static/nix"]
)
def test_nothing_else_is_served(collected, path):
    session = requests.Session()
    prepared = session.prepare_request(requests.Request("GET", collected.url))
    prepared.url = collected.url + path
    assert session.send(prepared, timeout=10).status_code == 404


def test_nothing_is_collected_twice(collected):
    stamp = collected.data_dir / "static" / ".stamp"
    before = stamp.stat().st_mtime_ns
    collected.manage("bootstrap")
    assert stamp.stat().st_mtime_ns == before


def test_a_change_is_collected(collected):
    stamp = collected.data_dir / "static" / ".stamp"
    stamp.write_text("what lay there before")
    assert "Collected the static files." in collected.manage("bootstrap").stdout
    assert stamp.read_text() != "what lay there before"


def test_what_no_page_loads_is_left_out(collected):
    names = {
        path.relative_to(collected.data_dir / "static").parts[0] for path in (collected.data_dir / "static").glob("*/*")
    }
    assert "rest_framework" not in names
    assert not list((collected.data_dir / "static").rglob("*.map"))


def test_every_page_of_the_admin_names_only_files_that_were_collected(collected):
    """Packages name their files in Python, so a file left out shows only when the page is opened."""
    collected.create_user("admin@example.com", admin=True)
    browser = requests.Session()
    login = f"{collected.url}/accounts/login/"
    browser.get(login, timeout=10)
    form = {"login": "admin@example.com", "password": "correct horse battery"}
    browser.post(login, {**form, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}, timeout=10)
    lists = set(re.findall(r'"(/admin/\w+/\w+/)"', browser.get(f"{collected.url}/admin/", timeout=10).text))
    assert "/admin/providers/connection/" in lists
    files: set[str] = set()
    for path in [*lists, "/admin/providers/connection/add/", "/admin/webui/user/add/"]:
        page = browser.get(collected.url + path, timeout=10)
        assert page.status_code == 200, path
        files |= set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page.text))
    assert not [name for name in files if browser.get(collected.url + name, timeout=10).status_code != 200]


def test_debug_serves_them_from_where_they_lie(server_process):
    site = server_process(fresh=True, env={"DEBUG": "true", "WEBUI_DEMO": "false"}).start()
    page = requests.get(f"{site.url}/accounts/login/", timeout=10).text
    assert '"/static/css/common/base.css"' in page
    answer = requests.get(f"{site.url}/static/css/common/base.css", timeout=10)
    assert answer.content == (ROOT / "static/css/common/base.css").read_bytes()
    assert not (site.data_dir / "static").exists()


def test_a_request_that_begins_in_the_context_of_an_ended_one_gets_its_file():
    """uvicorn does so on a connection whose request it held back for a while."""

    async def status():
        async with ThreadSensitiveContext(executor=ThreadPoolExecutor(1)):
            ended = copy_context()
        sent = []

        async def send(message):
            sent.append(message)

        path = staticfiles_storage.url("css/common/base.css")  # with a hash where files were collected before
        scope = {"type": "http", "path": path, "method": "GET", "query_string": b"", "headers": []}
        await asyncio.get_running_loop().create_task(StaticFiles(None)(scope, None, send), context=ended)
        return sent[0]["status"]

    assert asyncio.run(status()) == 200
