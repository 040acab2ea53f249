"""Nobody learns from an answer, its words or its work who has an account, however often they ask."""

import re

import pytest
from django.contrib.auth.hashers import get_hashers, get_hashers_by_algorithm
from django.core import mail
from django.core.cache import cache
from django.test import Client

from tests.people import PASSWORD, make_user
from tests.webui.accounts.counted import CountedHasher

pytestmark = pytest.mark.django_db
TIMES = 12  # attempts; more than any limit allows


@pytest.fixture(autouse=True)
def _no_counted_attempts():
    cache.clear()


@pytest.fixture
def hasher(settings):
    settings.PASSWORD_HASHERS = ["tests.webui.accounts.counted.CountedHasher"]
    get_hashers.cache_clear()
    get_hashers_by_algorithm.cache_clear()
    yield CountedHasher
    get_hashers.cache_clear()
    get_hashers_by_algorithm.cache_clear()


def words_of(page):
    """The page without what differs in each answer: the token of its form, and what was typed."""
    text = re.sub(r'(?:name="csrfmiddlewaretoken" value|content)="\w{64}"', "", page.content.decode())
    return re.sub(r"[\w.]+@example\.com", "", text)


def switched_off():
    make_user("Kim", is_active=False)
    return "kim@example.com"


def without_a_password():
    kim = make_user("Kim")
    kim.set_unusable_password()
    kim.save()
    return "kim@example.com"


def known():
    make_user("Kim")
    return "kim@example.com"


def unknown():
    return "kim@example.com"


ACCOUNTS = [unknown, known, switched_off, without_a_password]


def sign_ins(hasher, email, password):
    """The status, words and work of each attempt, from a new address each time."""
    for number in range(TIMES):
        before = hasher.computations
        browser = Client(REMOTE_ADDR=f"192.0.2.{number}")
        page = browser.post("/accounts/login/", {"login": email, "password": password})
        yield page.status_code, words_of(page), hasher.computations - before


@pytest.mark.parametrize("account", ACCOUNTS[1:], ids=lambda account: account.__name__)
def test_a_sign_in_costs_and_says_the_same_with_and_without_account(hasher, account):
    nobody = list(sign_ins(hasher, unknown(), "wrong"))
    cache.clear()
    somebody = list(sign_ins(hasher, account(), "wrong"))
    assert [answer[2] for answer in somebody] == [answer[2] for answer in nobody]
    assert [answer[0] for answer in somebody] == [answer[0] for answer in nobody]
    assert [answer[1] for answer in somebody] == [answer[1] for answer in nobody]
    assert nobody[0][2] >= 1
    assert "Too many" in nobody[-1][1]  # what is locked is locked for both, at the same attempt


def test_a_locked_sign_in_costs_and_says_the_same_with_the_right_password(hasher):
    answers = []
    for email in (known(), "nobody@example.com"):
        cache.clear()
        list(sign_ins(hasher, email, "wrong"))
        answers.append(list(sign_ins(hasher, email, PASSWORD)))
    assert answers[0] == answers[1]
    assert "Too many" in answers[0][0][1]


def resets(email):
    """The status, place and words of each request for a new password, from a new address each time."""
    for number in range(TIMES):
        browser = Client(REMOTE_ADDR=f"192.0.2.{number}")
        answer = browser.post("/accounts/password/reset/", {"email": email if number % 2 else email.upper()})
        page = browser.get(answer["Location"]) if answer.status_code == 302 else answer
        yield answer.status_code, answer.headers.get("Location"), words_of(page)


@pytest.mark.parametrize("account", ACCOUNTS[1:], ids=lambda account: account.__name__)
def test_a_reset_that_is_asked_for_again_and_again_says_the_same(settings, account):
    settings.EMAIL_ENABLED, settings.SITE_URL = True, "http://testserver"
    nobody = list(resets(unknown()))
    mails = len(mail.outbox)
    cache.clear()
    assert list(resets(account())) == nobody
    assert len(mail.outbox) == 2 * mails  # who has no account is told so by mail: sending takes its time too
    assert {answer[0] for answer in nobody} == {302, 429}  # the limit counts the address that was typed


def test_a_sign_up_that_is_tried_again_and_again_says_the_same(settings):
    settings.ENABLE_SIGNUP, settings.EMAIL_ENABLED, settings.SITE_URL = True, True, "http://testserver"
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    answers = []
    for email in (known(), "new@example.com"):
        cache.clear()
        answers.append([])
        for number in range(TIMES):
            browser = Client(REMOTE_ADDR=f"192.0.2.{number}")
            form = {"email": email, "password1": PASSWORD, "password2": PASSWORD}
            answer = browser.post("/accounts/signup/", form)
            answers[-1].append((answer.status_code, answer.headers.get("Location")))
    assert answers[0] == answers[1]
