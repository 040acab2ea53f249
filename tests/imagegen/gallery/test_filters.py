"""Which pictures a gallery shows: by star, model, shape, size, day and order; on the page and in the API."""

import uuid
from datetime import UTC, datetime

import pytest

from imagegen.gallery import filters, services
from imagegen.gallery.filters import PictureFilters
from imagegen.models import PictureStar
from imagegen.pages import queries
from tests import people
from tests.imagegen.pages.test_views import make_picture, names

pytestmark = pytest.mark.django_db
PICTURES = "/api/v1/images/pictures"


@pytest.fixture
def gallery(alice, bob):
    """Three pictures of Alice's: a small square, a landscape of 2 megapixels with a star, a large portrait."""
    days = [datetime(2026, 5, day, 12, tzinfo=UTC) for day in (1, 2, 3)]
    make_picture(alice, "a square", width=512, height=512, created=days[0], made={"model": "dall-e-3"})
    wide = make_picture(alice, "wide", width=2000, height=1000, created=days[1], made={"model": "gpt-image-1"})
    make_picture(alice, "tall", width=2000, height=3000, created=days[2], made={"model": "gpt-image-1"})
    services.star(bob, make_picture(bob, "not hers", made={"model": "secret"}).pk, is_good=True)
    services.star(wide.owner, wide.pk, is_good=True)
    services.star(wide.owner, wide.pk, is_good=True)  # a second press changes nothing
    return wide


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["tall", "wide", "a square"]),
        ({"sort": "oldest"}, ["a square", "wide", "tall"]),
        ({"starred": "true"}, ["wide"]),
        ({"model": "gpt-image-1"}, ["tall", "wide"]),
        ({"shape": "square"}, ["a square"]),
        ({"shape": "portrait", "size": "large"}, ["tall"]),
        ({"size": "medium"}, ["wide"]),
        ({"size": "small"}, ["a square"]),
        ({"since": "2026-05-02", "until": "2026-05-02"}, ["wide"]),
        ({"shape": "round", "since": "yesterday", "sort": "x", "until": "2026-05-01"}, ["a square"]),
        ({"q": "WID\0E", "kind": "drawn"}, ["wide"]),
    ],
)
def test_addresses_narrow_and_order_the_gallery(alice, gallery, query, expected):
    wanted = PictureFilters.understood(query)
    assert [row.provenance["prompt"] for row in queries.gallery(alice, wanted).pictures] == expected
    assert [row.starred for row in queries.gallery(alice, wanted).pictures] == [name == "wide" for name in expected]
    assert filters.models_of(alice) == ["dall-e-3", "gpt-image-1"]


def test_the_oldest_come_first_over_several_pages(alice):
    for number in range(queries.PAGE_SIZE + 2):
        make_picture(alice, f"number {number}", age=number)
    first = queries.gallery(alice, PictureFilters(sort="oldest"))
    second = queries.gallery(alice, PictureFilters(sort="oldest"), cursor=first.cursor)
    shown = [row.provenance["prompt"] for row in (*first.pictures, *second.pictures)]
    assert shown == [*names(alice, sort="oldest"), "number 1", "number 0"]
    assert (len(first.pictures), second.cursor) == (queries.PAGE_SIZE, "")


def test_the_api_lists_stars_and_refuses_what_is_no_filter(client, alice, bob, gallery):
    headers = {"Authorization": f"Bearer {people.make_key(alice)}"}
    strangers = {"Authorization": f"Bearer {people.make_key(bob)}"}
    listed = client.get(PICTURES, {"model": "gpt-image-1", "sort": "oldest"}, headers=headers).json()["results"]
    assert [(row["provenance"]["prompt"], row["starred"]) for row in listed] == [("wide", True), ("tall", False)]
    refused = client.get(PICTURES, {"shape": "round"}, headers=headers)
    assert (refused.status_code, "square" in refused.text) == (400, True)
    address = f"{PICTURES}/{gallery.pk}/star"
    for unknown, by in (
        (address, strangers),
        (f"{PICTURES}/{uuid.uuid4()}/star", headers),
        (f"{PICTURES}/x/star", headers),
    ):
        assert client.put(unknown, headers=by).json()["code"] == "picture_not_found"
        assert client.delete(unknown, headers=by).status_code == 404
    assert client.delete(address, headers=headers).status_code == 204
    assert not PictureStar.objects.filter(user=alice).exists()
    assert client.put(address, headers=headers).status_code == 204
    gallery.delete()
    assert not PictureStar.objects.filter(user=alice).exists()
    no_pictures = {"Authorization": f"Bearer {people.make_key(alice, scopes=['chats'])}"}
    assert client.get(PICTURES, headers=no_pictures).status_code == 403
