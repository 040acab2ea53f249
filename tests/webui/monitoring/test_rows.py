"""Metrics that are read from rows, and the page of docs that lists all of them."""

import re

import pytest
from django.contrib.auth.models import Group

from imagegen.models import ImageJob
from providers import runtime
from providers.models import Budget, UsageRecord
from tests.fixtures.process import ROOT

pytestmark = pytest.mark.django_db


def lines_of(client):
    return client.get("/metrics").content.decode().splitlines()


def test_budgets_over_80_percent_are_counted_by_whom_they_are_for(client, alice, bob, admin):
    group = Group.objects.create(name="class")
    group.user_set.add(alice, bob)
    Budget.objects.create(everybody=True, unit="tokens", amount=100)
    Budget.objects.create(user=bob, unit="tokens", amount=1000)  # replaces the one for each person
    Budget.objects.create(group=group, unit="tokens", amount=250)
    Budget.objects.create(unit="tokens", amount=0)  # forbids, and is no news
    Budget.objects.create(unit="pictures", amount=1, pattern="dall*")
    for person, tokens in ((alice, 80), (bob, 120), (admin, 79)):
        UsageRecord.objects.create(user=person, model="m1", kind="chat", tokens_in=tokens)
    lines = lines_of(client)
    told = {
        target: f'webui_budgets_over_80_percent{{for="{target}"}} ' for target in ("everyone", "user", "group", "site")
    }
    assert [told["everyone"] + "1.0" in lines, told["user"] + "0.0" in lines] == [True, True]
    assert [told["group"] + "1.0" in lines, told["site"] + "0.0" in lines] == [True, True]
    UsageRecord.objects.create(user=admin, model="m1", kind="chat", tokens_in=1)
    assert lines_of(client) != []
    assert told["everyone"] + "1.0" in lines_of(client)  # read at most once a minute
    runtime.replace()
    assert told["everyone"] + "2.0" in lines_of(client)


def test_the_queue_of_pictures_is_told_also_when_it_is_empty(client, alice):
    ImageJob.objects.create(user=alice, prompt="x", request={"prompt": "x"})
    lines = lines_of(client)
    assert 'webui_image_jobs{state="queued"} 1.0' in lines
    assert 'webui_image_jobs{state="running"} 0.0' in lines


def test_every_metric_stands_in_the_docs(client, connection):
    told = {line.split()[2] for line in lines_of(client) if line.startswith("# TYPE webui_")}
    families = {name.removesuffix("_total").removesuffix("_created") for name in told}
    listed = set(re.findall(r"^\| `(webui_\w+)` \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))
    assert families == listed
