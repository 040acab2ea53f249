"""What is told before the press: how long pictures take, what they cost, who comes first, and when a page asks."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from imagegen import jobs
from imagegen.image_request import ImageRequest
from imagegen.jobs import estimates
from imagegen.models import ImageJob, ImageSettings
from providers.models import Budget, Price, UsageRecord
from providers.relay.usage.writer import flush
from tests.imagegen.drawing import request_images
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 30
ESTIMATE = "/api/v1/images/estimate"
JOBS = "/api/v1/images/jobs"


@pytest.fixture
def signed_in(client, alice):
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    return client


def ended(engine, user, seconds, *, state="succeeded", age=0, **request):
    """A job that took so long."""
    now = timezone.now() - timedelta(minutes=age)
    values = {"prompt": "a kite", "model": "gpt-image-2", "size": "", "n": 1, "params": {}, **request}
    members = {"started": now - timedelta(seconds=seconds), "ended": now, "state": state}
    return ImageJob.objects.create(user=user, engine=engine, prompt="a kite", request=values, **members)


def test_seconds_are_the_median_of_alike_jobs_else_of_all(engine_row, make_engine, alice, bob):
    def seconds(**values):
        return estimates.seconds(engine_row, ImageRequest(prompt="a kite", model="gpt-image-2", **values))

    assert seconds() is None
    ended(make_engine(name="Other", url="http://other.invalid/v1"), alice, 500)
    ended(engine_row, alice, 900, state="failed")
    assert seconds() is None
    for took in (10, 12, 90):
        ended(engine_row, bob, took, age=took)
    assert seconds() == pytest.approx(12)
    assert seconds(n=3) == pytest.approx(36)  # none of three yet: each takes as long as one
    ended(engine_row, alice, 20, n=3)
    assert seconds(n=3) == pytest.approx(20)  # they are drawn side by side
    ended(engine_row, alice, 40, params={"quality": "high"})
    ended(engine_row, alice, 80, params={"quality": "high"}, size="2048x2048")
    assert seconds(params={"quality": "high"}) == pytest.approx(40)
    assert seconds(params={"quality": "high"}, size="2048x1920") == pytest.approx(80)
    assert seconds(params={"quality": "low"}) == pytest.approx(26)  # of all of this engine, a picture each


def test_only_the_latest_jobs_count_and_one_query_finds_them(engine_row, alice, django_assert_num_queries):
    for number in range(estimates.LATEST + 5):
        ended(engine_row, alice, 100 if number > estimates.LATEST else 10, age=number)
    with django_assert_num_queries(1):
        assert estimates.seconds(engine_row, ImageRequest(prompt="a kite", model="gpt-image-2")) == pytest.approx(10)
    for _number in range(estimates.ENOUGH):
        ended(engine_row, alice, 50)
    assert estimates.seconds(engine_row, ImageRequest(prompt="a kite", model="gpt-image-2")) == pytest.approx(50)


def test_the_estimate_and_the_job_cost_the_same(signed_in, alice, engine_row, upstream):
    """The engine's own parameters decide the quality, and so the price."""
    Price.objects.create(pattern="gpt-image*", picture=Decimal(2), pictures={"high": 0.17})
    engine_row.params = {"quality": "high"}
    engine_row.save()
    told = signed_in.get(ESTIMATE, {"n": 3}).json()
    assert (told["cost"], told["quality"], told["seconds"]) == (0.51, "high", None)
    assert told["words"] == "3 pictures · high quality · 0.51 USD"
    upstream.always(drawn(*[png(8, 8)] * 3), path="/images/generations")
    job = request_images(alice, {"prompt": "a kite", "n": 3})[0]
    jobs.wait_for(job, timeout=PATIENCE)
    flush()
    record = UsageRecord.objects.get(request_id=str(job.pk))
    assert (record.cost, record.picture_quality) == (Decimal("0.51"), "high")


def test_the_line_tells_who_comes_first_and_which_budget_it_would_pass(signed_in, alice, bob, engine_row):
    assert signed_in.get(ESTIMATE).json()["words"] == ""  # nothing is known
    ended(engine_row, bob, 42)
    for _number in range(2):
        ImageJob.objects.create(user=bob, engine=engine_row, prompt="a kite", heartbeat=timezone.now())
    Budget.objects.create(everybody=True, unit="pictures", amount=2, name="Sketches")
    told = signed_in.get(ESTIMATE, {"n": 3, "quality": "high"}).json()
    assert told["words"] == "3 pictures · high quality · about 2 min · 2 before you"
    assert [line.startswith("Budget “Sketches”: 2 of 2 pictures are left") for line in told["budgets"]] == [True]
    assert signed_in.get(ESTIMATE, {"n": 2}).json()["budgets"] == []


def test_what_no_job_could_be_made_of_has_no_estimate(signed_in, client, engine_row):
    for query, param in (
        ({"n": 11}, "n"),
        ({"size": "wide"}, "size"),
        ({"steps": 5}, "steps"),
        ({"images": 99}, "images"),
    ):
        answer = signed_in.get(ESTIMATE, query)
        assert (answer.status_code, param in answer.content.decode()) == (400, True), query
    assert signed_in.get(ESTIMATE, {"engine": "Nobody's"}).status_code == 404
    ImageSettings.objects.update(enabled=False)
    assert signed_in.get(ESTIMATE).status_code == 403
    client.logout()
    assert client.get(ESTIMATE).status_code == 401


def test_above_the_limit_whoever_asks_first_is_refused_and_programs_are_not(signed_in, engine_row, upstream):
    upstream.always(drawn(png(8, 8)), path="/images/generations")

    def post(**values):
        body = {"prompt": "a kite", **values}
        return signed_in.post(JOBS, body, content_type="application/json")

    assert post(n=3, limit_seen=False).status_code == 202  # no limit
    ImageSettings.objects.update(ask_above_pictures=2)
    assert signed_in.get(ESTIMATE, {"n": 3}).json()["above_limit"]
    assert not signed_in.get(ESTIMATE, {"n": 2}).json()["above_limit"]
    refused = post(n=3, limit_seen=False)
    assert (refused.status_code, refused.json()["code"]) == (409, "above_limit")
    assert [post(n=3, limit_seen=True).status_code, post(n=3).status_code] == [202, 202]
    ImageSettings.objects.update(ask_above_pictures=None, ask_above_cost=Decimal("0.5"))
    assert post(n=3, limit_seen=False).status_code == 202  # no price is known
    Price.objects.create(pattern="gpt-image*", picture=Decimal("0.17"))
    assert [post(n=n, limit_seen=False).status_code for n in (2, 3)] == [202, 409]
    assert ImageJob.objects.filter(request__has_key="limit_seen").count() == 0
