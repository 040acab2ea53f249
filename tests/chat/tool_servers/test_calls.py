"""Tools of real MCP servers in an answer: offered, asked for, called, shown; servers that fail; who may use which."""

import json
import sys
import time

import requests
from django.contrib.auth.models import Group

from chat.models import ToolAllowance, ToolServer
from tests import people
from tests.chat.talk import PATIENCE, Talker


def reply(talker, content="Please.", **more):
    tab = talker.listen()
    started = talker.start(content, **more)
    tab.until_done(started["message"]["id"])
    return tab, talker.message(started["chat"]["id"], started["message"]["id"])


def bodies(upstream):
    return [one.json for one in upstream.chats if one.json.get("stream")]


def told(upstream):
    return [one["content"] for one in bodies(upstream)[-1]["messages"] if one["role"] == "tool"]


def calls_of(message):
    return [line["call"] for line in message["status_history"] if "call" in line]


def call(name, **arguments):
    return {"name": f"desk_{name}", "arguments": arguments}


def test_tools_of_an_mcp_server_are_offered_called_and_shown(talker, upstream, mcp_server, make_server):
    make_server(url=mcp_server.url, auth="key", secret="desk-key-123456", headers={"X-Person": "{{USER_NAME}}"})
    listed = talker.send("GET", "/api/v1/tools")["results"]
    assert {tool["name"] for tool in listed} >= {"desk_add", "desk_draw"}
    assert [(tool["title"], tool["server"], tool["asks"]) for tool in listed if tool["name"] == "desk_add"] == [
        ("Add up", "Desk", False)
    ]

    upstream.answer("", tool_calls=[call("add", a=1, b=2), call("draw"), call("fail", times=20_000), call("talk")])
    upstream.answer("Done.")
    _tab, message = reply(talker)

    first = bodies(upstream)[0]
    (offered,) = [one["function"] for one in first["tools"] if one["function"]["name"] == "desk_add"]
    assert offered["description"] == "Adds two numbers."
    assert offered["parameters"]["required"] == ["a", "b"]
    sums, drawn, failed, talked = told(upstream)
    assert sums == "The sum is 3."
    assert "sees the picture" in drawn
    assert failed.startswith("The tool says that it failed:\nError executing tool fail: no paper left")
    assert len(failed) == len(talked) == 60_000
    assert message["content"] == "Done."
    assert [file["type"] for file in message["files"]] == ["image"]
    shown = calls_of(message)
    assert (shown[0]["title"], shown[0]["server"], shown[0]["result"]) == ("Add up", "Desk", "The sum is 3.")
    assert json.loads(shown[0]["arguments"]) == {"a": 1, "b": 2}
    assert len(shown[-1]["result"]) == 4000
    (wrong,) = [line for line in message["status_history"] if line.get("error")]
    assert wrong["description"] == "“fail” of Desk failed"
    assert wrong["detail"].startswith("Error executing tool fail")
    assert (len(wrong["detail"]), len(wrong["call"]["result"])) == (300, 4000)
    assert mcp_server.headers[-1]["authorization"] == "Bearer desk-key-123456"
    assert mcp_server.headers[-1]["x-person"] == "Alice"


def test_an_answer_waits_for_permission_on_any_device(talker, site, alice, bob, upstream, mcp_server, make_server):
    row = make_server(url=mcp_server.url, new_tools="ask")
    calls = [call("add", a=1, b=1), call("add", a=2, b=2), call("draw"), call("add", a=3, b=3)]
    upstream.answer("", tool_calls=calls)
    upstream.answer("Done.")
    tab = talker.listen()
    started = talker.start("Please.")
    chat_id, message_id = started["chat"]["id"], started["message"]["id"]

    def question():
        event = tab.wait_for(lambda event: "approval" in event["data"]["data"] and not event["data"]["data"]["done"])
        return event["data"]["data"]

    def decide(asked, decision, *, who=talker, status=204):
        body = {"message_id": message_id, "question": asked["approval"]["id"], "decision": decision}
        who.send("POST", "/api/v1/tools/decisions", body, status=status)

    asked = question()
    assert json.loads(asked["call"]["arguments"]) == {"a": 1, "b": 1}
    # Another device that comes later sees it too, a stranger does not and may not answer.
    other = Talker(site, alice)
    second = other.listen()
    second.send({"type": "resume", "message_id": message_id, "seq": 0})
    snapshot = second.wait_for(lambda event: event["data"]["type"] == "snapshot")["data"]["data"]
    assert snapshot["status_history"][-1]["approval"]["id"] == asked["approval"]["id"]
    decide(asked, "once", who=Talker(site, bob), status=404)
    decide(asked, "maybe", status=400)
    decide(asked, "once", who=other)

    asked = question()  # the same tool asks again
    decide(asked, "chat")
    asked = question()
    assert asked["call"]["name"] == "desk_draw"
    decide(asked, "refuse")
    tab.until_done(message_id)  # the last call of `add` asks no more
    one, two, refused, three = told(upstream)
    assert [one, two, three] == ["The sum is 2.", "The sum is 4.", "The sum is 6."]
    assert "refused" in refused
    assert ToolAllowance.objects.get().tool.startswith(f"{row.pk}:")  # whatever the server is called later
    lines = talker.message(chat_id, message_id)["status_history"]
    assert [line["approval"]["decision"] for line in lines if "approval" in line] == ["once", "chat", "refuse"]
    decide(asked, "once", status=409)  # too late


def test_a_question_that_nobody_answers_ends_and_stopping_works(talker, upstream, mcp_server, make_server, settings):
    make_server(url=mcp_server.url, new_tools="ask")
    settings.TOOL_APPROVAL_SECONDS = 0.2
    upstream.answer("", tool_calls=[call("add", a=1, b=1)])
    upstream.answer("Without it.")
    _tab, message = reply(talker)
    assert message["content"] == "Without it."
    assert "did not answer" in told(upstream)[0]
    assert mcp_server.headers != []
    settings.TOOL_APPROVAL_SECONDS = 60
    upstream.answer("", tool_calls=[call("add", a=1, b=1)])
    tab = talker.listen()
    started = talker.start("Please.")
    tab.wait_for(lambda event: "approval" in event["data"]["data"])
    talker.send("POST", f"/api/tasks/stop/{started['message']['id']}")
    assert tab.until_done(started["message"]["id"])["status"] == "stopped"


def test_programs_that_cannot_be_asked_are_offered_no_such_tool(talker, upstream, mcp_server, make_server, api_key):
    row = make_server(url=mcp_server.url, new_tools="ask")
    row.uses = {"add": "on", "draw": "off"}
    row.save()
    upstream.answer("Hello.")
    body = {"model": "m1", "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"Authorization": f"Bearer {api_key}"}
    answer = requests.post(f"{talker.site.url}/api/chat/completions", json=body, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    assert [one["function"]["name"] for one in upstream.chats[-1].json["tools"]] == ["desk_add"]


def test_a_server_that_hangs_or_is_gone_costs_its_time_and_the_answer_goes_on(
    talker, upstream, mcp_server, make_server
):
    row = make_server(url=mcp_server.url)
    ToolServer.objects.filter(pk=row.pk).update(seconds=1)
    upstream.answer("", tool_calls=[call("hang")])
    upstream.answer("It hangs.")
    _tab, message = reply(talker)
    assert "did not answer within 1 seconds" in told(upstream)[0]
    assert message["content"] == "It hangs."
    mcp_server.stop()
    upstream.answer("", tool_calls=[call("add", a=1, b=2)])
    upstream.answer("It is gone.")
    _tab, message = reply(talker)
    assert "nothing answers" in told(upstream)[0]
    (wrong,) = [line for line in message["status_history"] if line.get("error")]
    assert wrong["detail"] == "This tool server cannot be reached right now."


def test_people_get_the_tools_of_their_groups_alone(talker, site, bob, mcp_server, make_server):
    row = make_server(url=mcp_server.url, access="groups")
    row.groups.add(Group.objects.create(name="Desk people"))
    assert talker.send("GET", "/api/v1/tools")["results"] == []
    talker.user.groups.add(row.groups.get())
    names = [tool["name"] for tool in talker.send("GET", "/api/v1/tools")["results"]]
    assert "desk_add" in names
    assert Talker(site, bob).send("GET", "/api/v1/tool-servers/")["results"] == []
    key = people.make_key(talker.user, scopes=["inference"])
    Talker(site, key=key).send("GET", "/api/v1/tools", status=403)


def test_a_program_is_started_only_where_the_site_allows_it(talker, upstream, make_server, settings):
    settings.ENABLE_TOOL_PROGRAMS = True
    make_server(kind="stdio", command=f"{sys.executable} -m tests.upstream.tools")
    for allowed, words in ((True, "The sum is 3."), (False, "ENABLE_TOOL_PROGRAMS")):
        settings.ENABLE_TOOL_PROGRAMS = allowed
        upstream.answer("", tool_calls=[call("add", a=1, b=2)])
        upstream.answer("Done.")
        reply(talker)
        assert words in told(upstream)[0]


def test_a_list_that_is_old_is_asked_for_again(talker, mcp_server, make_server, settings):
    row = make_server(url=mcp_server.url)
    ToolServer.objects.filter(pk=row.pk).update(listed=row.listed[:1])
    assert len(talker.send("GET", "/api/v1/tools")["results"]) == 1
    settings.TOOL_LIST_SECONDS = 0.0
    end = time.monotonic() + PATIENCE
    while len(talker.send("GET", "/api/v1/tools")["results"]) < 5:
        assert time.monotonic() < end
        time.sleep(0.05)
