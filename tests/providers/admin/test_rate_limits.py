"""Rate limits in the admin."""

import pytest
from django.test import Client

from providers.models import RateLimit

LIMITS = "/admin/providers/ratelimit/"


@pytest.fixture
def browser_of(admin):
    client = Client()
    client.force_login(admin)
    return client


def test_a_limit_is_made_for_a_person_and_listed(db, browser_of, alice):
    form = {"name": "Careful", "enabled": "on", "target": "user", "user": str(alice.pk), "requests_minute": "5"}
    browser_of.post(f"{LIMITS}add/", form)
    assert RateLimit.objects.get().user == alice
    assert "Alice" in browser_of.get(LIMITS).content.decode()


def test_a_limit_for_somebody_needs_to_say_for_whom(db, browser_of):
    response = browser_of.post(f"{LIMITS}add/", {"enabled": "on", "target": "group", "requests_minute": "5"})
    assert "group" in response.context["adminform"].form.errors
    assert not RateLimit.objects.exists()


def test_a_limit_without_a_number_is_refused_with_what_to_do(db, browser_of):
    response = browser_of.post(f"{LIMITS}add/", {"name": "Nothing", "enabled": "on", "target": "everyone"})
    assert "Enter at least one number" in response.content.decode()
    assert not RateLimit.objects.exists()


def test_the_form_says_which_limit_replaces_which(db, browser_of):
    assert "replaces the one for each person" in browser_of.get(f"{LIMITS}add/").content.decode()
