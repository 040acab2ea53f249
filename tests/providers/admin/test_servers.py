"""The shared base of the lists of connections and engines."""

import pytest
from django.utils import timezone

from imagegen.models import ImageEngine
from providers.models import Connection

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(client, admin):
    client.force_login(admin)
    return client


@pytest.fixture(params=[Connection, ImageEngine], ids=["connections", "engines"])
def make(request):
    def make(name, **fields):
        values = (
            {"base_url": "http://up.invalid/v1"}
            if request.param is Connection
            else {"kind": "openai", "url": "http://up.invalid/v1"}
        )
        return request.param.objects.create(name=name, **values, **fields)

    make.list = f"/admin/{request.param._meta.app_label}/{request.param._meta.model_name}/"
    return make


def test_the_list_tells_how_each_fares_in_the_same_words(root, make):
    now = timezone.now()
    make("Good", last_ok=now, last_checked=now, last_duration_ms=12)
    make("Bad", last_error="The key was refused.")
    make("New")
    make("Off", enabled=False)
    page = root.get(make.list).content.decode()
    for words in ("answers in 12 ms", "failing", "The key was refused.", "not tried yet", "switched off", " ago"):
        assert words in page


def test_chosen_rows_are_switched_with_a_line_in_their_history_and_a_message(root, make):
    first, second = make("First"), make("Second", enabled=False)
    chosen = {"_selected_action": [first.pk, second.pk]}
    page = root.post(make.list, {"action": "disable", **chosen}, follow=True)
    first.refresh_from_db()
    assert not first.enabled
    assert first.history.first().enabled is False
    assert second.history.count() == 1
    assert [str(message) for message in page.context["messages"]] == ["1 entry was changed."]
    root.post(make.list, {"action": "enable", **chosen})
    first.refresh_from_db(), second.refresh_from_db()
    assert first.enabled
    assert second.enabled
