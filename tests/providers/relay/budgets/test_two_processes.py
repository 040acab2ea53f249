"""Two real processes spend one budget: it is never passed by more than their calls, and people are warned once."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.imagegen.drawing import eventually

pytestmark = pytest.mark.redis
FORGIVING = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CALLS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 60), st.integers(0, 60)), max_size=25)


def check(spenders, amount, calls, width):
    """`calls`: (process, estimate, really used); `width` of each process run at once."""
    spenders.prefix = f"{spenders.prefix}+"  # the budget of each example begins with nothing
    used = spenders.spend(calls, amount=amount, width=width)
    assert sum(used) <= amount + sum(sorted(used)[-2 * width :])
    if calls:
        assert spenders.counter() == (sum(used), 0)


def test_a_budget_is_passed_by_no_more_than_the_calls_of_two_processes(spenders):
    @FORGIVING
    @given(amount=st.integers(0, 200), calls=CALLS, width=st.integers(1, 8))
    def never_passed(amount, calls, width):
        check(spenders, amount, calls, width)

    never_passed()


def test_people_are_warned_once_by_mail_and_webhook_over_two_processes(spenders):
    [made] = spenders.ask({"email": "alice@example.com", "budget": {"name": "Mine", "amount": 100, "warn_at": 0.5}})
    order = {**made, "amount": 100, "warn_at": 0.5, "width": 4}
    assert sum(spenders.spend([(which, 1, 5) for which in (0, 1) for _ in range(5)], **order)) == 50
    spenders.spend([(which, 1, 5) for which in (0, 1) for _ in range(5)], **order)
    spenders.end()
    [mail] = spenders.mails.messages
    assert mail["To"] == "alice@example.com"
    assert "% of a budget are used up" in mail["Subject"]
    assert "of 100 tokens per month are used up" in mail.get_content()
    [body] = spenders.webhook.bodies
    assert (body["event"], body["user"], body["amount"]) == ("budget.warning", "alice@example.com", "100")
    assert int(body["spent"]) >= 50
    assert "calls are refused" in body["text"]


def test_a_webhook_that_hangs_or_fails_holds_up_no_call_and_no_mail(spenders):
    spenders.webhook.gate.clear()
    for number, status in enumerate((204, 500, 302)):
        spenders.webhook.status = status
        budget = {"name": f"Budget {number}", "amount": 100, "warn_at": 0.5}
        [made] = spenders.ask({"email": "alice@example.com", "budget": budget})
        order = {**made, "amount": 100, "warn_at": 0.5, "width": 2}
        assert sum(spenders.spend([(0, 1, 60), (1, 1, 20)], **order)) == 80  # the first waits for no webhook
        eventually(lambda count=number + 1: len(spenders.mails.messages) == count)
        eventually(lambda count=number + 1: len(spenders.webhook.bodies) == count)
        spenders.webhook.gate.set()
    spenders.end()
    assert len(spenders.webhook.bodies) == 3  # no redirect was followed, nothing was sent again
