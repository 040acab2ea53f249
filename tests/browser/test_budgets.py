"""Budgets in the browser: what people see while they write, and what administrators try before they save."""

from playwright.sync_api import expect

from providers.models import Budget, RateLimit, UsageRecord
from tests import people
from tests.fixtures.chat_page import ChatPage


def test_a_budget_that_an_answer_nearly_used_up_is_told_without_a_new_page(open_page, provider, alice):
    Budget.objects.create(user=alice, name="Mine", unit="tokens", amount=100, warn_at="0.5")
    provider.says("Hello", "Hi.", usage={"prompt_tokens": 50, "completion_tokens": 20})
    chat = ChatPage(open_page(alice)).open()
    line = chat.page.locator("#budget-warning")
    expect(line).to_be_hidden()
    chat.ask("Hello")
    expect(line).to_contain_text("Budget “Mine”:")
    expect(line.get_by_role("link", name="Your usage")).to_have_attribute("href", "/settings/usage")


def test_a_limit_is_tried_on_last_week_with_the_values_of_its_form(open_page, alice):
    for _ in range(3):
        UsageRecord.objects.create(user=alice, model="m1", kind="chat", status=200)
    page = open_page(people.make_user("Boss", admin=True))
    page.goto("/admin/providers/ratelimit/add/")
    shown = page.locator("#limit-trial")
    page.get_by_role("button", name="Try this limit on last week").click()
    expect(shown).to_contain_text("Enter at least one number")
    page.get_by_label("Requests per day").fill("1")
    page.get_by_role("button", name="Try this limit on last week").click()
    expect(shown).to_contain_text("2 of 3 calls would have been stopped")
    expect(shown.get_by_role("row", name="Alice")).to_be_visible()
    assert not RateLimit.objects.exists()
