"""The page of a server's tools in the administration."""

import re

import pytest

from chat.models import ToolServer


def listed(*names):
    return [{"name": name, "title": name, "description": "", "parameters": {}, "request": {}} for name in names]


@pytest.mark.django_db
def test_rules_stay_with_their_tools_while_the_list_changes(client, admin):
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    uses = {"add": "on", "a b": "off", "away": "off", "later": "ask"}
    tools = listed("add", "a b", "a_b")
    row = ToolServer.objects.create(name="Desk", url="http://a.example/mcp", listed=tools, uses=uses)
    page = client.get(address := f"/admin/chat/toolserver/{row.pk}/tools/").text
    fields = re.findall(r'<select name="([^"]+)" aria-label="([^"]+)"', page)
    names = {label: name for name, label in fields}
    assert len(set(names.values())) == 3

    ToolServer.objects.update(listed=listed("later", "a_b", "add"))
    chosen = {names["add"]: "", names["a b"]: "ask", names["a_b"]: "off"}
    assert client.post(address, chosen, follow=True).status_code == 200
    row.refresh_from_db()
    assert row.uses == {"a_b": "off", "a b": "off", "away": "off", "later": "ask"}
