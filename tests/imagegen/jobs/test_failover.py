"""A picture whose engine is down is drawn by another one, where that is allowed and can draw the same."""

import pytest

from imagegen import jobs, services
from imagegen.engines.placeholder import Placeholder
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from providers import callers
from tests.imagegen.conftest import make_engine, store  # noqa: F401  fixtures
from tests.upstream import unused_port
from tests.upstream.openai import error
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("store", "jobs_end")]
GENERATE = "/images/generations"


@pytest.fixture
def studio(make_engine, upstream):  # noqa: F811
    """The first engine, which nobody answers for; `Easel` is the second one."""
    ImageSettings.objects.update_or_create(pk=1, defaults={"fail_over": True})
    row = make_engine(name="Studio", url=f"http://127.0.0.1:{unused_port()}/v1", model="gpt-image-1", position=0)
    make_engine(name="Easel", url=upstream.url, model="gpt-image-2", position=1)
    upstream.always(drawn(png(8, 8)), path=GENERATE)
    return row


def ended(user, notices=None, **values):
    """The job of a request, once it has ended."""
    caller = callers.caller_for_user(user)
    request = services.JobRequest(caller=caller, values={"prompt": "a kite", "engine": "Studio", **values})
    job, _new = services.request_images(request)
    feed = jobs.feed_of(job.pk)
    if feed is not None and notices is not None:
        feed.listen(lambda kind, data: notices.append(data["text"]) if kind == "notice" else None)
    return jobs.wait_for(job, timeout=30)


def test_the_next_engine_draws_and_the_person_is_told(studio, alice, upstream):
    notices = []
    job = ended(alice, notices)
    assert job.state == ImageJob.State.SUCCEEDED
    assert job.engine.name == "Easel"
    assert job.files.get().provenance["engine"] == "Easel"
    assert upstream.asked(GENERATE)[0].json["model"] == "gpt-image-2"  # its own, not that of the first engine
    assert notices == ["Studio cannot draw right now, so Easel draws this picture."]
    studio.refresh_from_db()
    assert studio.last_error
    assert ImageEngine.objects.get(name="Easel").last_ok


def test_without_the_setting_the_failure_is_told_and_nobody_else_is_asked(studio, alice, upstream):
    ImageSettings.objects.update(fail_over=False)
    job = ended(alice)
    assert (job.state, job.engine.name) == (ImageJob.State.FAILED, "Studio")
    assert upstream.asked(GENERATE) == []


@pytest.mark.parametrize(
    ("values", "other"),
    [({"model": "gpt-image-1.5"}, "gpt-image-2"), ({"size": "1536x1024"}, "dall-e-3")],
    ids=["a model that was named", "a size that the other does not draw"],
)
def test_what_another_engine_cannot_draw_alike_stays_a_failure(studio, alice, upstream, values, other):
    ImageEngine.objects.filter(name="Easel").update(model=other)
    job = ended(alice, **values)
    assert (job.state, job.engine.name) == (ImageJob.State.FAILED, "Studio")
    assert upstream.asked(GENERATE) == []


@pytest.mark.parametrize(("status", "engine"), [(503, "Easel"), (429, "Easel"), (400, "Studio"), (401, "Studio")])
def test_only_who_is_away_or_rests_gives_way(studio, alice, upstream, status, engine):
    studio.url = upstream.url
    studio.save()
    upstream.script(error(status, "No."), path=GENERATE)
    job = ended(alice)
    assert job.engine.name == engine
    assert job.state == (ImageJob.State.SUCCEEDED if engine == "Easel" else ImageJob.State.FAILED)


def test_each_engine_is_asked_once_and_the_last_error_is_told(studio, alice, make_engine):  # noqa: F811
    ImageEngine.objects.filter(name="Easel").update(url=f"http://127.0.0.1:{unused_port()}/v1")
    make_engine(name="Mine", url=f"http://127.0.0.1:{unused_port()}/v1", access="private", position=2)
    make_engine(name="Sample", kind=Placeholder.name, url="", position=3)  # samples stand in for nobody's pictures
    job = ended(alice)
    assert (job.state, job.engine.name) == (ImageJob.State.FAILED, "Easel")
    assert job.request["tried_engines"] == [studio.pk]
    assert ImageJob.objects.count() == 1


def test_a_key_s_picture_is_drawn_by_the_engine_that_it_names(studio, site, alice, api_key, upstream):
    session = site.session(key=api_key)
    answer = session.post(f"{site.url}/api/v1/images/generations", json={"prompt": "a kite", "engine": "Studio"})
    assert answer.status_code == 502
    assert upstream.asked(GENERATE) == []
