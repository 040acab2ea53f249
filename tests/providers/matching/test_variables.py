"""Variables in system prompts: what they become, in every form of requests, and what stays as it was written."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from providers.facts import Caller
from providers.matching import variables
from providers.models import ChatModel
from tests.fixtures.site import Site

CALLER = Caller(1, "ann@example.com", "Ann\nB.  {{USER_EMAIL}}", "user", group_names=("Cooks", "Sailors"))
COOKIES = {"timezone": "Asia%2FShanghai"}


def filled_in(prompt, cookies=COOKIES):
    return variables.filled_in(prompt, CALLER, cookies)


def test_each_variable_has_a_value_of_one_bounded_line():
    for name in variables.VARIABLES:
        value = filled_in(f"{{{{{name}}}}}")
        assert value.strip() == value != ""
        assert "\n" not in value
        assert len(value) <= variables.LONGEST
    assert filled_in("{{USER_NAME}}, {{ USER_GROUPS }}") == "Ann B. {{USER_EMAIL}}, Cooks, Sailors"
    long = Caller(1, "", "x" * 5000, "user")
    assert len(variables.filled_in("{{USER_NAME}}", long, {})) == variables.LONGEST
    with translation.override("zh-hans"):
        assert filled_in("{{USER_LANGUAGE}}") == "Simplified Chinese"


@pytest.mark.parametrize(
    "text", ["", "{{", "{{USER_LOCATION}}", "{{user_name}}", "{ {USER_NAME} }", "{{USER_NAME", "{{}}"]
)
def test_what_is_no_variable_stays_as_it_was_written(text):
    assert filled_in(text) == text


@pytest.mark.parametrize(
    ("cookies", "zone"),
    [
        (COOKIES, "Asia/Shanghai"),
        ({}, "UTC"),
        ({"timezone": "../../etc/passwd"}, "UTC"),
        ({"timezone": "x" * 9999}, "UTC"),
    ],
)
def test_times_are_those_of_the_browser(cookies, zone):
    before = datetime.now(ZoneInfo(zone))
    date, time, both, weekday, name = filled_in(
        "{{CURRENT_DATE}}|{{CURRENT_TIME}}|{{CURRENT_DATETIME}}|{{CURRENT_WEEKDAY}}|{{CURRENT_TIMEZONE}}", cookies
    ).split("|")
    after = datetime.now(ZoneInfo(zone))

    assert (both, name) == (f"{date} {time}", zone)
    assert f"{before:%Y-%m-%d %H:%M}" <= both <= f"{after:%Y-%m-%d %H:%M}"
    assert weekday == variables.WEEKDAYS[datetime.fromisoformat(date).weekday()]


@pytest.mark.django_db(transaction=True)
def test_programs_get_them_in_every_form_of_requests(site: Site, api_key, connection, upstream):
    ChatModel.objects.create(
        public_id="greeter", base=ChatModel.objects.get(public_id="m1"), system_prompt="Greet {{USER_NAME}}."
    )
    session = site.session(key=api_key)
    question = [{"role": "user", "content": "Hi"}]
    for path, body in {
        "chat/completions": {"messages": question},
        "responses": {"input": "Hi"},
        "messages": {"messages": question, "max_tokens": 9},
    }.items():
        session.post(f"{site.url}/v1/{path}", json={"model": "greeter", **body}, timeout=15)
        assert "Greet Alice." in upstream.last.body.decode(), path
