"""The page that explains a call: the API's own words, for administrators, with fields filled in from elsewhere."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from providers.models import ChatModel, Connection, RateLimit, UsageRecord
from providers.relay.usage import receipts
from tests import people

pytestmark = pytest.mark.django_db
PAGE = "/admin/providers/chatmodel/explain/"


@pytest.fixture
def root(client, admin):
    client.force_login(admin)
    return client


@pytest.fixture
def row():
    return people.make_connection("http://up.invalid/v1", "m1", name="First", secret="sk-very-secret-1234")


def test_the_page_says_what_the_body_becomes_and_for_whom(root, row, alice):
    RateLimit.objects.create(requests_minute=5)
    Connection.objects.update(extra_params={"top_k": 5})
    ChatModel.objects.update(fallbacks=["m9"])
    page = root.post(PAGE, {"operation": "chat", "model": "m1", "user": alice.pk, "body": ""})
    text = page.content.decode()
    explained = page.context["explained"]
    assert explained["caller"]["email"] == alice.email
    [source] = explained["sources"]
    assert [(line["member"], line["change"], line["after"]) for line in source["rows"]] == [("top_k", "added", "5")]
    assert (explained["limits"][0]["left"], explained["is_refused"]) == (5, False)
    assert "very-secret" not in text
    assert "••••1234" in text
    assert "m9" in text
    assert "http://up.invalid/v1/chat/completions" in text


def test_an_example_follows_the_operation_and_what_was_written_stays(root, row):
    first = root.get(PAGE).context["form"]["body"].value()
    page = root.post(PAGE, {"operation": "embeddings", "model": "m1", "body": first})
    assert page.context["form"].cleaned_data["body"] == {"input": "Hello"}
    written = '{"model": "m1", "messages": [{"role": "user", "content": "Mine"}]}'
    page = root.post(PAGE, {"operation": "chat", "model": "", "body": written})
    assert page.context["form"].data["body"] == written
    assert page.context["explained"]["access"]["model"] == "m1"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"body": "{"}, "body"),
        ({"body": "[]"}, "body"),
        ({"body": '{"messages": 5}'}, "body"),
        ({"model": ""}, "model"),
        ({"user": "99999999999999999999"}, "user"),
        ({"key": "x"}, "key"),
    ],
)
def test_what_cannot_be_explained_says_so_at_its_field(root, row, sent, field):
    page = root.post(PAGE, {"operation": "chat", "model": "m1", **sent})
    assert page.status_code == 200
    assert list(page.context["form"].errors) == [field]


def test_a_model_a_connection_and_a_record_lead_to_their_call(root, row, alice):
    key = people.make_key(alice)
    record = UsageRecord.objects.create(user=alice, model="m1", kind="task", status=200)
    model = ChatModel.objects.get()
    for page, known in (
        (reverse("admin:providers_chatmodel_explain_model", args=[model.pk]), {}),
        (reverse("admin:providers_connection_explain_connection", args=[row.pk]), {}),
        (reverse("admin:providers_usagerecord_explain_record", args=[record.pk]), {"user": alice}),
    ):
        shown = root.get(page, follow=True)
        values = shown.context["form"].cleaned_data
        assert (values["model"], values["operation"], values["user"]) == ("m1", "chat", known.get("user"))
        assert shown.context["explained"]["sources"][0]["connection"] == "First"
    record.key = alice.client_keys.get()
    assert f"key={record.key.pk}" in receipts.explained_as(record)
    assert key not in receipts.explained_as(record)


def test_a_receipt_leads_administrators_to_it(root, client, row, alice):
    UsageRecord.objects.create(user=alice, model="m1", kind="chat", status=200, request_id="req-1")
    assert PAGE in root.get("/api/v1/receipts/req-1").json()["explain"]
    client.force_login(alice)
    assert "explain" not in client.get("/api/v1/receipts/req-1").json()


def test_only_administrators_see_the_page_and_the_way_to_it(client, row):
    staff = people.make_user("Viewer", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(staff)
    assert client.get(PAGE).status_code == 403
    for page in (f"/admin/providers/chatmodel/{ChatModel.objects.get().pk}/change/", "/admin/providers/chatmodel/"):
        assert "explain" not in client.get(page).content.decode()
