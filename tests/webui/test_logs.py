"""The log of a process at level DEBUG: no secret in it."""

import re

import pytest
import requests

from tests.upstream import replies

ADMIN = {"WEBUI_ADMIN_EMAIL": "admin@example.com", "WEBUI_ADMIN_PASSWORD": "correct horse battery"}


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_no_secret_is_in_the_log_at_debug_level(server_process, upstream, server):
    env = {
        **ADMIN,
        "WEBUI_DEMO": "false",
        "LOG_LEVEL": "DEBUG",
        "OPENAI_API_BASE_URLS": upstream.url,
        "OPENAI_API_KEYS": "upstream-key-8d1f",
    }
    site = server_process(server=server, env=env).start()
    key = site.create_api_key("admin@example.com")
    browser = requests.Session()
    page = browser.get(f"{site.url}/accounts/login/", timeout=20)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    email, password = ADMIN.values()
    form = {"login": email, "password": password, "csrfmiddlewaretoken": token}
    browser.post(f"{site.url}/accounts/login/", data=form, headers={"Referer": site.url}, timeout=20)
    browser.headers["X-CSRFToken"] = browser.cookies["csrftoken"]
    browser.get(f"{site.url}/api/models?refresh=1", timeout=20)

    body = {"model": "m1", "messages": [{"role": "user", "content": "hi"}]}
    lane = requests.post(
        f"{site.url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"}, timeout=20
    )
    assert lane.status_code == 200, lane.text
    quoted = {"error": {"message": "Incorrect API key provided: upstream-key-8d1f"}}
    upstream.script(replies.in_json(quoted, status=401), path="/chat/completions")
    refused = browser.post(f"{site.url}/api/chat/completions", json=body, headers={"Referer": site.url}, timeout=20)
    assert refused.status_code >= 400
    session = browser.cookies["sessionid"]
    site.stop()

    log = site.log()
    assert "DEBUG" in log
    for secret in (key, "upstream-key-8d1f", password, session, token):
        assert secret not in log
