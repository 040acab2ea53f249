"""Every page that people see, in both languages and for every reader, from the URL conf: no internal text."""

import re

import pytest
from django.conf import settings
from django.urls import get_resolver

from chat.models import (
    Assistant,
    Chat,
    File,
    Folder,
    Memory,
    Message,
    Prompt,
    Share,
    ToolServer,
    Transfer,
)
from imagegen.models import ImageJob
from providers.models import ClientKey, Connection
from tests import people
from tests.webui.admin import site_rows
from tests.webui.admin.test_every_page import LEFTOVERS, words_of
from tests.webui.schema import routes
from webui.accounts import links, setup

pytestmark = pytest.mark.django_db
LANGUAGES = tuple(dict(settings.LANGUAGES))
READERS = ("nobody", "alice", "admin")
# Routes that programs call; they answer JSON, of which `tests/webui/schema` knows more.
OF_PROGRAMS = re.compile(r"/(?:v1|openai|ollama|api/(?!docs)|healthz|readyz|metrics)\b")


def templates():
    """The routes of pages: everything but the administration, which has its own test, and what programs call."""
    return sorted({route.template for route in routes.of_the_site() if not OF_PROGRAMS.match(route.template)})


def arguments(alice):
    """For each parameter of a path, a value that leads to a page."""
    chat = Chat.objects.filter(user=alice, deleted_at=None).get()
    link = re.search(r"/key/(?P<uidb36>[^-]+)-(?P<key>[^/]+)/", links.password_path(alice))
    return {
        "chat_id": chat.pk,
        "message_id": Message.objects.filter(chat=chat).last().pk,
        "share_id": Share.objects.get().pk,
        "file_id": File.objects.get().pk,
        "device_id": 1,
        "key_id": ClientKey.objects.filter(user=alice, revoked_at=None).first().pk,
        "folder_id": Folder.objects.get().pk,
        "memory_id": Memory.objects.get().pk,
        "transfer_id": Transfer.objects.filter(user=alice).first().pk,
        "kind": "export",
        "server_id": ToolServer.objects.get().pk,
        "assistant_id": Assistant.objects.get().pk,
        "prompt_id": Prompt.objects.get().pk,
        "job_id": ImageJob.objects.first().pk,
        "token": setup.new_link().rstrip("/").rpartition("/")[2],
        **(link.groupdict() if link else {}),
    }


@pytest.fixture
def addresses(alice):
    site_rows.fill(owner=alice)
    Connection.objects.filter(name="First 2").update(access="public")
    given = arguments(alice)
    return [template.format_map(given) for template in templates()]


def test_every_parameter_of_a_page_has_a_value(alice):
    site_rows.fill(owner=alice)
    named = {name for template in templates() for name in re.findall(r"{(\w+)}", template)}
    assert named <= set(arguments(alice))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reader", READERS)
def test_pages_of_the_site_say_what_they_mean(client, admin, alice, addresses, reader, language):
    found, seen = set(), set()
    for address in addresses:
        client.logout()
        if reader != "nobody":
            client.force_login({"alice": alice, "admin": admin}[reader])
        page = client.get(address, headers={"accept-language": language}, follow=True)
        assert page.status_code < 500, address
        if page.status_code == 405 or "html" not in page.get("Content-Type", ""):
            continue
        seen.add(address)
        found |= {f"{address}: {text}" for text in words_of(page).texts if LEFTOVERS.search(text)}
    assert sorted(found) == []
    assert len(seen) > 20


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reader", READERS)
def test_error_pages_say_what_they_mean(client, admin, alice, reader, language, settings):
    settings.DEBUG = False
    client.raise_request_exception = False
    if reader != "nobody":
        client.force_login({"alice": alice, "admin": admin}[reader])
    for address in ("/nowhere", "/c/00000000-0000-0000-0000-000000000000", "/admin/nowhere/", "/setup/wrong"):
        page = client.get(address, headers={"accept-language": language}, follow=True)
        assert [text for text in words_of(page).texts if LEFTOVERS.search(text)] == []


def test_people_with_nothing_read_whole_sentences_too(client):
    """Lists without rows: no `[]`, no number that is missing."""
    client.force_login(people.make_user("Newcomer"))
    for template in templates():
        if "{" in template:
            continue
        page = client.get(template, follow=True)
        if page.status_code == 200 and "html" in page.get("Content-Type", ""):
            assert [text for text in words_of(page).texts if LEFTOVERS.search(text)] == [], template


def test_routes_of_programs_are_no_pages(client, admin):
    client.force_login(admin)
    known = {str(entry.pattern) for entry in get_resolver().url_patterns}
    assert known, "the URL conf is read"
    for route in routes.of_the_site():
        if OF_PROGRAMS.match(route.template) and "{" not in route.template and "GET" in route.methods:
            assert "text/html" not in client.get(route.template).get("Content-Type", ""), route.template
