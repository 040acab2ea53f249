"""Housekeeping: the command and the daily run delete expired rows and files."""

import io
import time
from datetime import timedelta

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.utils import timezone

from chat.models import Chat, File
from imagegen.models import ImageJob
from providers.models import ChatModel, Connection, MadeResponse, UsageRecord
from providers.relay.usage import totals
from webui import housekeeping
from webui.models import Housekeeping

PATIENCE = 60
NOW = timezone.now()


def ago(days):
    return NOW - timedelta(days=days)


def removed(**options):
    return housekeeping.run(now=NOW, **options)[0]


def test_old_usage_goes_and_younger_stays_and_totals_of_all_remain(db, settings):
    settings.USAGE_DAYS = 30
    UsageRecord.objects.bulk_create(UsageRecord(kind="chat", when=ago(days)) for days in (31, 40, 29, 0))
    assert removed()["usage records"] == 2
    assert not UsageRecord.objects.filter(when__lt=ago(30)).exists()
    assert totals.grouped(("model",), ago(50).date())[("",)].calls == 4


def test_more_rows_than_a_batch_go_too(db, settings, monkeypatch):
    monkeypatch.setattr("providers.process.deletion.BATCH", 2)
    UsageRecord.objects.bulk_create(UsageRecord(kind="chat", when=ago(1000)) for _ in range(5))
    assert removed()["usage records"] == 5


def test_ended_jobs_go_with_time_and_their_pictures_stay(alice, settings):
    settings.JOB_DAYS = 10
    old = ImageJob.objects.create(user=alice, prompt="old", state="succeeded", ended=ago(11))
    picture = File.objects.create(owner=alice, name="a.png", storage_name="x/a.png", size=1, content_type="image/png")
    old.files.add(picture)
    for state, ended in (("failed", ago(9)), ("running", None)):
        ImageJob.objects.create(user=alice, prompt=state, state=state, ended=ended, created=ago(300))
    assert removed()["picture jobs"] == 1
    assert set(ImageJob.objects.values_list("state", flat=True)) == {"failed", "running"}
    assert File.objects.filter(pk=picture.pk).exists()


def test_tokens_that_an_earlier_version_still_writes_go(alice):
    account = SocialAccount.objects.create(user=alice, provider="oidc", uid="a")
    SocialToken.objects.create(account=account, token="t", token_secret="refresh")
    removed()
    assert not SocialToken.objects.exists()


def test_old_versions_go_and_the_newest_of_each_row_stays(db, settings):
    settings.HISTORY_DAYS = 100
    row = Connection.objects.create(name="A", base_url="http://a.invalid/v1", listed_at=NOW)
    row.groups.add(Group.objects.create(name="red"))
    row.name = "B"
    row.save()
    gone = ChatModel.objects.create(public_id="gone")
    gone.delete()
    for model in (Connection.history.model, ChatModel.history.model):
        model.objects.update(history_date=ago(200))

    assert removed()["old versions"] > 0

    kept = row.history.get()
    assert (kept.name, [one.group.name for one in kept.groups.all()]) == ("B", ["red"])
    assert ChatModel.history.get(public_id="gone").history_type == "-"
    members = type(kept.groups.first())
    assert set(members.objects.values_list("history_id", flat=True)) == {kept.history_id}


def test_sessions_deleted_chats_and_expired_files_go(alice, settings):
    Session.objects.create(session_key="old", session_data="", expire_date=ago(1))
    Session.objects.create(session_key="new", session_data="", expire_date=NOW + timedelta(days=1))
    Chat.objects.create(user=alice, title="trash", deleted_at=ago(31))
    Chat.objects.create(user=alice, title="trash", deleted_at=ago(29))
    File.objects.create(owner=alice, name="a", storage_name="x/a", size=1, content_type="text/plain", expires_at=ago(1))
    counts = removed()
    assert (counts["expired sessions"], counts["deleted chats"], counts["files"]) == (1, 1, 1)
    assert Session.objects.get().session_key == "new"


def test_zero_days_keep_everything(alice, settings):
    for name in ("USAGE_DAYS", "JOB_DAYS", "HISTORY_DAYS"):
        setattr(settings, name, 0)
    UsageRecord.objects.create(kind="chat", when=ago(5000))
    ImageJob.objects.create(user=alice, prompt="old", state="failed", ended=ago(5000))
    counts = removed()
    assert (counts["usage records"], counts["picture jobs"], counts["old versions"]) == (0, 0, 0)


def test_a_task_that_fails_stops_no_other_and_the_command_says_so(db, monkeypatch):
    def broken(now):
        raise RuntimeError("the store refuses")

    monkeypatch.setitem(housekeeping.TASKS, "files", broken)
    UsageRecord.objects.create(kind="chat", when=ago(5000))
    out = io.StringIO()
    with pytest.raises(CommandError, match="files"):
        call_command("housekeeping", stdout=out)
    assert "1 usage records" in out.getvalue()


# --- once a day ---


def test_it_is_due_once_a_day_for_one_process(db, settings):
    assert not housekeeping.is_due(now=NOW)  # the first look begins the first day
    assert not housekeeping.is_due(now=NOW + timedelta(hours=23))
    assert [housekeeping.is_due(now=NOW + timedelta(hours=25)) for _process in range(2)] == [True, False]
    settings.HOUSEKEEPING_HOURS = 0
    assert not housekeeping.is_due(now=NOW + timedelta(days=9))


def test_a_run_that_lies_ahead_of_the_clock_delays_no_other(db, settings):
    Housekeeping.objects.create(pk=1, begun=NOW + timedelta(days=800))  # when the clock was wrong
    assert [housekeeping.is_due(now=NOW) for _process in range(2)] == [True, False]
    assert not housekeeping.is_due(now=NOW - timedelta(hours=1))  # another machine's clock


def test_a_serving_site_does_it_by_itself(server_process):
    site = server_process(env={"WEBUI_DEMO": "false"})
    site.manage("bootstrap")
    words = "from webui.models import Housekeeping as H; from providers.models import UsageRecord as U; "
    words += "from django.utils import timezone as t; from datetime import timedelta as d; "
    words += (
        "H.objects.create(pk=1, begun=t.now() - d(days=2)); U.objects.create(kind='chat', when=t.now() - d(days=900))"
    )
    site.manage("shell", "-c", words)
    site.start()
    end = time.monotonic() + PATIENCE
    while "Housekeeping removed" not in site.log():
        assert time.monotonic() < end, site.log()
        time.sleep(0.05)
    assert "1 usage records" in site.log()


def test_who_made_which_response_is_known_for_a_while(alice, settings):
    settings.RESPONSE_DAYS = 30
    MadeResponse.objects.bulk_create(
        MadeResponse(response_id=f"resp_{days}", user=alice, model="m1", upstream_id="m1", when=ago(days))
        for days in (31, 29)
    )
    assert removed()["makers of responses"] == 1
    settings.RESPONSE_DAYS = 0
    assert removed()["makers of responses"] == 0
    assert MadeResponse.objects.get().response_id == "resp_29"
