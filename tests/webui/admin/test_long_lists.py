"""Long lists of the administration: they count and fetch a bounded number of rows."""

import pytest
from django.contrib.admin import site as staff_site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from providers.admin import base
from providers.models import UsageRecord

pytestmark = pytest.mark.django_db
USAGE = "/admin/providers/usagerecord/"


@pytest.fixture
def office(client, admin, monkeypatch):
    monkeypatch.setattr(base, "MOST_COUNTED", 2)
    client.force_login(admin)
    return client


@pytest.mark.parametrize("label", sorted(model._meta.label for model in staff_site._registry))
def test_no_list_counts_the_whole_table(office, label):
    model = next(model for model in staff_site._registry if model._meta.label == label)
    with CaptureQueriesContext(connection) as queries:
        page = office.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
    if page.status_code == 302:  # a kind with one row has no list
        return
    of_table = f'FROM "{model._meta.db_table}"'
    counts = [one["sql"] for one in queries if one["sql"].startswith("SELECT COUNT(*)") and of_table in one["sql"]]
    assert counts
    assert all("LIMIT 3" in sql for sql in counts)


@pytest.mark.parametrize(
    ("rows", "query", "told"), [(2, "", "2\n"), (3, "", "2+\n"), (3, "?model__icontains=m", "2+ results")]
)
def test_a_longer_list_tells_that_there_are_more(office, rows, query, told):
    UsageRecord.objects.bulk_create(UsageRecord(kind="chat", model="m1") for _row in range(rows))
    assert told in office.get(USAGE + query).text


def test_a_number_of_many_rows_is_written_in_groups():
    assert f"{base.AtLeast(10_000)!s}" == "10,000+"
