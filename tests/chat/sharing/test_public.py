"""Links for everybody: what strangers get, what they do not, when a link ends, and the list of one's own links."""

from datetime import timedelta

import pytest
import requests
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from chat import sharing
from chat.models import Share
from chat.sharing import services, views
from providers.errors import BadRequest, Forbidden, NotFound
from tests import people
from tests.chat.files.test_rows import body
from tests.chat.sharing.test_sharing import Scene, client_of, store  # noqa: F401  the store of each test's own
from tests.queries import assert_queries_do_not_grow

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(alice):
    people.set_chat(public_links=True)
    cache.clear()
    made = Scene(alice)
    made.question.content = f"What sings? ![]({made.pictures[made.question.pk].url})"
    made.question.save()
    return made


@pytest.fixture
def stranger():
    return Client()


def test_strangers_read_what_is_meant_for_them_and_nothing_else(scene, stranger, alice):
    assert stranger.get(scene.page).status_code == 302  # for those who are signed in
    sharing.share_chat(scene.chat, public=True, shows_name=False)
    # As before: the update shows the newest message; back to the first answer, as the scene means it.
    Share.objects.update(leaf=scene.second)
    page = stranger.get(scene.page)
    text = page.content.decode()
    assert page.status_code == 200
    assert "Whales <strong>sing</strong>" in text
    for hidden in ("Alice", "alice@", "Secret", "private", "4321", "Turin", "Birds sing", "And later", "Continue in"):
        assert hidden not in text, hidden
    assert page["X-Robots-Tag"].startswith("noindex")
    assert (page["Referrer-Policy"], page["Cache-Control"]) == ("no-referrer", "private, no-store")
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert 'name="robots" content="noindex' in text
    # Pictures come by the link alone.
    shown, hidden = (scene.pictures[message.pk] for message in (scene.question, scene.later))
    assert f"{shown.url}?share={scene.share.pk}&w=512" in text
    picture = stranger.get(f"{shown.url}?share={scene.share.pk}")
    assert body(picture).startswith(b"\x89PNG")
    assert picture["Referrer-Policy"] == "no-referrer"
    assert picture["X-Robots-Tag"].startswith("noindex")
    assert stranger.get(f"{shown.url}?share={scene.share.pk}&w=64").status_code == 200
    assert stranger.get(f"{hidden.url}?share={scene.share.pk}").status_code == 404
    assert stranger.get(f"{shown.url}?share={alice.pk}").status_code == 404
    assert stranger.get(shown.url).status_code == 401
    assert stranger.post(f"{scene.page}/continue").status_code in (302, 401)
    with_name, _new = sharing.share_chat(scene.chat, shows_name=True)
    assert "Alice" in stranger.get(scene.page).content.decode()
    assert with_name.public  # what is not given stays
    assert_queries_do_not_grow(lambda: stranger.get(scene.page), lambda: scene.add("user", "One more", scene.question))


def test_a_link_ends_and_can_be_taken_back(scene, stranger, bob):
    address = f"/api/v1/chats/{scene.chat.pk}/share"
    owner = client_of(scene.owner)
    picture = f"{scene.pictures[scene.question.pk].url}?share={scene.share.pk}"
    end = timezone.now() + timedelta(days=1)
    answer = owner.patch(address, {"public": True, "expires_at": end.isoformat()}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert (answer.json()["up_to_date"], answer.json()["has_ended"]) == (False, False)
    assert stranger.get(scene.page).status_code == 200
    Share.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    for reader in (stranger, client_of(bob)):
        page = reader.get(scene.page)
        assert (page.status_code, "This link does not work any more" in page.content.decode()) == (410, True)
        assert reader.get(picture).status_code == 410
    assert client_of(bob).get(f"/api/v1/shared/{scene.share.pk}").status_code == 410
    assert owner.get(address).json()["has_ended"]
    assert owner.patch(address, {"expires_at": None}, content_type="application/json").status_code == 200
    assert stranger.get(picture).status_code == 200
    shared = Share.objects.get()
    assert owner.patch(address, {}, content_type="application/json").json()["up_to_date"] is False
    assert owner.delete(address).status_code == 204
    assert stranger.get(scene.page).status_code == 404
    assert stranger.get(picture).status_code == 404
    with pytest.raises(NotFound):
        services.change_terms(shared, public=True)  # of another tab, at the same moment
    assert not Share.objects.exists()


def test_bad_ends_and_switches_are_refused_with_a_reason(scene, stranger):
    for end in (timezone.now() - timedelta(minutes=1), timezone.now() + timedelta(days=9999)):
        with pytest.raises(BadRequest):
            sharing.share_chat(scene.chat, expires_at=end)
    sharing.share_chat(scene.chat, public=True)
    people.set_chat(public_links=False)
    with pytest.raises(Forbidden, match="switched off"):
        sharing.share_chat(scene.chat, public=True)
    assert stranger.get(scene.page).status_code == 302
    assert stranger.get(f"{scene.pictures[scene.question.pk].url}?share={scene.share.pk}").status_code == 404
    assert client_of(scene.owner).get(scene.page).status_code == 200


def test_strangers_read_a_number_of_pages_a_minute(scene, stranger, monkeypatch):
    sharing.share_chat(scene.chat, public=True)
    monkeypatch.setattr(views, "PER_MINUTE", 2)
    codes = [stranger.get(scene.page).status_code for _visit in range(4)]  # a new minute may begin meanwhile
    assert codes[:2] == [200, 200]
    assert 429 in codes


def test_all_own_links_are_listed_updated_and_ended(scene, site, bob, transactional_db):
    headers = {"Authorization": f"Bearer {people.make_key(scene.owner)}"}
    listed = requests.get(f"{site.url}/api/v1/shares/", headers=headers, timeout=10).json()["results"]
    assert [(row["title"], row["up_to_date"]) for row in listed] == [(scene.chat.title, False)]
    owner = client_of(scene.owner)
    page = owner.get("/settings/links")
    assert str(scene.share.pk) in page.content.decode()
    address = f"/settings/links/{scene.share.pk}"
    assert client_of(bob).post(f"{address}/end").status_code == 404
    assert owner.post(f"{address}/update").status_code == 302
    assert Share.objects.get().leaf_id == scene.latest.pk
    assert_queries_do_not_grow(lambda: owner.get("/settings/links"), lambda: Scene(scene.owner))
    assert owner.post(f"{address}/end").status_code == 302
    assert not Share.objects.filter(pk=scene.share.pk).exists()
