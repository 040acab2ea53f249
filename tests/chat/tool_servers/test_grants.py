"""A person's own grant at an MCP server: connect, use, renew, disconnect; nobody else's."""

import asyncio
import json
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from asgiref.sync import async_to_sync

from chat.models import ToolGrant, ToolServer
from chat.tool_kinds import ListedTool, client_of
from chat.tool_servers import grants, lists, rows, services
from chat.tool_servers.connect import begin as begin_way
from providers import callers
from providers.errors import NoCredential, ProviderError
from tests.chat.talk import PATIENCE, Talker
from tests.chat.tool_servers.test_calls import bodies, call, reply, told
from tests.chat.tool_servers.test_names import listed


def begin(talker, row):
    """The address at which the person consents."""
    begun = talker.session.post(f"{talker.site.url}/settings/tools/{row.pk}/connect", timeout=PATIENCE)
    assert begun.status_code == 200, begun.text
    return begun.text.split('class="button button-primary" href="')[1].split('"')[0].replace("&amp;", "&")


def come_back(talker, address):
    """As a browser does it; returns the last page."""
    back = requests.get(address, allow_redirects=False, timeout=PATIENCE).headers["Location"]
    parts = urlsplit(back)
    assert parts.path == "/settings/tools/back"
    return talker.session.get(f"{talker.site.url}{parts.path}?{parts.query}", timeout=PATIENCE), parse_qs(parts.query)


def connect(talker, row):
    return come_back(talker, begin(talker, row))


def grant_of(talker, row):
    return async_to_sync(grants.grant_of)(talker.user.pk, rows.server_of(row))


def end_hour(talker, row, server):
    """As if the hour of the token were over."""
    grant = grant_of(talker, row)
    async_to_sync(grant.save)({**grant.values, "expires": 1.0})
    server.grants.end_all()


def add_four_times_at_once(talker, row):
    async def four():
        server, client = rows.server_of(row), await client_of("mcp")
        own = [await grants.grant_of(talker.user.pk, server) for _ in range(4)]
        tool = ListedTool("add", "", "", {})
        return await asyncio.gather(*(client.call(server, grant, tool, {"a": 2, "b": 3}) for grant in own))

    return [result.text for result in async_to_sync(four)()]


def test_a_person_connects_uses_renews_and_disconnects(talker, site, bob, upstream, guarded_server, make_server):
    row = make_server(url=guarded_server.url, auth="grant", listed=listed("of_administrators"))
    server = talker.send("GET", "/api/v1/tool-servers/")["results"][0]
    assert (server["name"], server["needs_grant"], server["connected"]) == ("Desk", True, False)
    assert talker.send("GET", "/api/v1/tools")["results"] == []

    former = begin(talker, row)
    page, query = connect(talker, row)
    assert "Connected." in page.text
    assert "Add up" in page.text
    assert "of_administrators" in page.text  # one person's list replaces nobody else's
    assert "has ended" in come_back(talker, former)[0].text  # the second way ended the first
    grant = ToolGrant.objects.get()
    (token,) = guarded_server.grants.tokens
    stored = ToolGrant.objects.values_list("values", flat=True).get()
    assert token in stored
    assert grant.user == talker.user
    # A code counts once, and for nobody else.
    other = Talker(site, bob)
    again = other.session.get(
        f"{site.url}/settings/tools/back", params={name: value[0] for name, value in query.items()}, timeout=PATIENCE
    )
    assert "has ended" in again.text
    assert other.send("GET", "/api/v1/tools")["results"] == []

    refresh = json.loads(grant_of(talker, row).values["tokens"])["refresh_token"]
    upstream.answer("", tool_calls=[call("add", a=1, b=2), call("repeat", text=f"{token} {refresh}")])
    upstream.answer("Done.")
    reply(talker)
    assert told(upstream) == ["The sum is 3.", f"{'*' * len(token)} {'*' * len(refresh)}"]
    assert guarded_server.headers[-1]["authorization"] == f"Bearer {token}"

    end_hour(talker, row, guarded_server)
    upstream.answer("", tool_calls=[call("add", a=2, b=2)])
    upstream.answer("Done.")
    reply(talker)
    assert told(upstream) == ["The sum is 4."]
    assert guarded_server.grants.renewed == 1
    assert grant_of(talker, row).values["expires"] > 1e9
    end_hour(talker, row, guarded_server)
    assert add_four_times_at_once(talker, row) == ["The sum is 5."] * 4
    assert guarded_server.grants.renewed == 2
    assert ToolGrant.objects.get().renewing_until is None

    guarded_server.grants.end_all()  # and cannot be renewed: the person has to connect again
    guarded_server.grants.refreshes.clear()
    upstream.answer("", tool_calls=[call("add", a=2, b=2)])
    upstream.answer("Done.")
    reply(talker)
    assert "You are not connected" in told(upstream)[0]

    gone = grant_of(talker, row)
    talker.send("DELETE", f"/api/v1/tool-servers/{row.pk}/grant", status=204)
    with pytest.raises(NoCredential):
        async_to_sync(gone.save)(gone.values)  # renewed by a call that had begun before
    talker.send("DELETE", f"/api/v1/tool-servers/{row.pk}/grant", status=404)
    talker.send("DELETE", f"/api/v1/tool-servers/{2**64}/grant", status=404)
    assert not ToolGrant.objects.exists()
    upstream.answer("Hello.")
    reply(talker)
    assert "tools" not in bodies(upstream)[-1]


def test_grants_end_when_the_server_moves_and_servers_without_them_say_so(
    talker, mcp_server, guarded_server, make_server
):
    row = make_server(url=guarded_server.url, auth="grant")
    connect(talker, row)
    row.refresh_from_db()
    assert row.listed
    former, consent = rows.server_of(row), begin(talker, row)
    row.url = mcp_server.url
    row.save()
    assert "address of the tool server was changed" in come_back(talker, consent)[0].text
    former_grant = grants.new_grant(talker.user.pk, former)
    former_grant.values = {"tokens": json.dumps({"access_token": next(iter(guarded_server.grants.tokens))})}
    async_to_sync(lists.ask_and_keep)(former, former_grant)  # asked before, answered after the move
    assert not ToolGrant.objects.exists()
    assert ToolServer.objects.get().listed == []
    refused = talker.send("POST", f"/api/v1/tool-servers/{row.pk}/grant", status=502)
    assert refused["code"] == "no_grant_asked"
    row.url = "http://127.0.0.1:9/mcp"
    row.save()
    assert talker.send("POST", f"/api/v1/tool-servers/{row.pk}/grant", status=502)["code"] == "upstream_unreachable"


def test_the_secret_of_a_client_goes_to_no_tool_server(talker, admin, guarded_server, make_server):
    row = make_server(url=guarded_server.url, auth="grant", client_id="webui", secret="client-secret-123456")
    result = services.check(row, by=callers.caller_for_user(admin))
    assert "You are not connected" in result.message
    assert guarded_server.headers == []
    with pytest.raises(ProviderError, match="could not be had"):  # what fails on the way reaches who waits
        begin_way(rows.server_of(row), talker.user.pk, "no address")
