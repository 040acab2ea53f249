"""The property of budgets over two processes, for many more examples than the suite has time for."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.providers.relay.budgets.conftest import spenders  # noqa: F401  a fixture
from tests.providers.relay.budgets.test_two_processes import check

CALLS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 500), st.integers(0, 500)), max_size=200)
PATIENT = settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))


def test_no_budget_is_passed_by_more_than_the_calls_of_two_processes(spenders):  # noqa: F811
    @PATIENT
    @given(amount=st.integers(0, 2000), calls=CALLS, width=st.integers(1, 50))
    def never_passed(amount, calls, width):
        check(spenders, amount, calls, width)

    never_passed()
