"""Engines in the admin: lists, write-only keys, the fields of the chosen kind, the test picture, workflows."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from imagegen import workflow
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from tests.imagegen.drawing import request_images
from tests.upstream.openai import error
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)
ENGINES = "/admin/imagegen/imageengine/"


@pytest.fixture
def browser_of(admin):
    client = Client()
    client.force_login(admin)
    return client


def form(**values):
    return {
        "name": "Studio", "kind": "openai", "purpose": "both", "enabled": "on", "position": "0", "url": "", "timeout":
        "600", "concurrency": "2", "access": "public", "verify_tls": "on", **values,
    }  # fmt: skip


@pytest.mark.parametrize("path", [ENGINES, f"{ENGINES}add/", "/admin/imagegen/imagejob/", "/admin/chat/file/"])
def test_lists_and_forms_answer_with_an_engine(browser_of, engine_row, path):
    assert browser_of.get(path).status_code == 200


def test_the_settings_list_leads_to_the_one_row(browser_of, store):
    assert browser_of.get("/admin/imagegen/imagesettings/", follow=True).status_code == 200


def test_a_key_is_stored_encrypted_never_shown_kept_when_left_empty_and_removed_on_demand(browser_of, upstream):
    browser_of.post(f"{ENGINES}add/", form(url=upstream.url, new_key="sk-very-secret-1234"))
    row = ImageEngine.objects.get()
    assert row.secret == "sk-very-secret-1234"
    page = browser_of.get(f"{ENGINES}{row.pk}/change/").content.decode()
    assert "very-secret" not in page
    assert "••••1234" in page
    browser_of.post(f"{ENGINES}{row.pk}/change/", form(url=upstream.url, model="gpt-image-2"))
    row.refresh_from_db()
    assert (row.secret, row.model) == ("sk-very-secret-1234", "gpt-image-2")
    browser_of.post(f"{ENGINES}{row.pk}/change/", form(url=upstream.url, remove_key="on"))
    row.refresh_from_db()
    assert row.secret == ""
    history = browser_of.get(f"{ENGINES}{row.pk}/history/").content.decode()
    assert "very-secret" not in history


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"size": "17by4"}, "size"),
        ({"size": "auto", "model": "dall-e-3"}, "size"),
        ({"url": "ftp://x"}, "url"),
        ({"params": "[1]"}, "params"),
        ({"params": "{"}, "params"),
        ({"access": "groups"}, "groups"),
    ],
)
def test_a_wrong_value_is_explained_at_its_field_and_nothing_is_saved(browser_of, values, field):
    response = browser_of.post(f"{ENGINES}add/", form(**values))
    assert response.status_code == 200
    assert field in response.context["adminform"].form.errors
    assert not ImageEngine.objects.exists()


@pytest.mark.parametrize(("kind", "has_one"), [("comfyui", True), ("openai", False)])
def test_the_workflow_button_is_on_engines_that_have_one(browser_of, make_engine, kind, has_one):
    row = make_engine(kind=kind, url="http://engine.invalid")
    page = browser_of.get(f"{ENGINES}{row.pk}/change/").text
    assert (f"{row.pk}/to-workflow" in page) is has_one


def test_options_of_a_kind_are_kept_for_that_kind_only(browser_of, upstream):
    browser_of.post(f"{ENGINES}add/", form(url=upstream.url, option_partial_images="1"))
    assert ImageEngine.objects.get().options == {"partial_images": 1}


def test_the_test_draws_a_picture_through_the_real_path_and_shows_it(browser_of, engine_row, upstream):
    upstream.script(drawn(png(8, 8)))
    page = browser_of.post(f"{ENGINES}{engine_row.pk}/draw/", {"prompt": "a boat"}).content.decode()
    job = ImageJob.objects.get()
    assert upstream.last.json["prompt"] == "a boat"
    assert job.files.get().url in page


def test_a_test_that_fails_shows_the_providers_words(browser_of, engine_row, upstream):
    upstream.script(error(401, "Incorrect API key provided.", code="invalid_api_key"))
    page = browser_of.post(f"{ENGINES}{engine_row.pk}/draw/", {"prompt": "a boat"}).content.decode()
    assert "Incorrect API key provided." in page


def test_a_switched_off_engine_can_be_tested_and_stays_off(browser_of, engine_row, upstream):
    ImageEngine.objects.update(enabled=False)
    ImageSettings.objects.update(enabled=False)
    upstream.script(drawn(png(8, 8)))
    browser_of.post(f"{ENGINES}{engine_row.pk}/draw/", {"prompt": "a boat"})
    assert ImageJob.objects.get().state == "succeeded"
    engine_row.refresh_from_db()
    assert not engine_row.enabled


def test_a_pasted_workflow_is_mapped_where_that_is_evident_and_checked_at_the_server(browser_of, make_engine, upstream):
    row = make_engine(kind="comfyui", url=upstream.origin, model="")
    page = f"{ENGINES}{row.pk}/workflow/"
    browser_of.post(page, {"load": "1", "text": json.dumps(workflow.default_graph("generate"))})
    row.refresh_from_db()
    assert {entry["type"] for entry in row.nodes} >= {"prompt", "negative_prompt", "seed", "steps", "width", "height"}
    shown = browser_of.get(page)
    assert shown.status_code == 200
    assert shown.context["checked"] is True
    assert upstream.asked("/object_info")


def test_a_workflow_in_the_editors_own_format_is_recognised_and_explained(browser_of, make_engine, upstream):
    row = make_engine(kind="comfyui", url=upstream.origin)
    editors = {"nodes": [{"id": 1, "type": "KSampler"}], "links": [], "version": 0.4}
    response = browser_of.post(f"{ENGINES}{row.pk}/workflow/", {"load": "1", "text": json.dumps(editors)})
    assert "API" in str(response.context["form"].errors["text"])
    row.refresh_from_db()
    assert row.workflow == {}


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, '{"3":' * 100_000 + "1" + "}" * 100_000])
@pytest.mark.parametrize("as_file", [False, True], ids=["text", "file"])
def test_a_workflow_that_is_nested_too_deeply_is_refused(browser_of, make_engine, upstream, text, as_file):
    row = make_engine(kind="comfyui", url=upstream.origin)
    given = {"file": SimpleUploadedFile("workflow.json", text.encode())} if as_file else {"text": text}
    response = browser_of.post(f"{ENGINES}{row.pk}/workflow/", {"load": "1", **given})
    assert "nested too deeply" in str(response.context["form"].errors["text"])
    row.refresh_from_db()
    assert row.workflow == {}


def test_a_node_can_be_mapped_by_hand(browser_of, make_engine, upstream):
    row = make_engine(kind="comfyui", url=upstream.origin)
    page = f"{ENGINES}{row.pk}/workflow/"
    browser_of.post(page, {"stock": "1"})
    row.refresh_from_db()
    graph = workflow.parse(row.workflow)
    node_id = next(one for one, node in graph.items() if node["class_type"] == "CLIPTextEncode")
    browser_of.post(page, {"map": "1", f"node:{node_id}:text": "prompt"})
    row.refresh_from_db()
    assert row.nodes == [{"type": "prompt", "key": "text", "node_ids": [node_id], "value": ""}]


def test_a_job_is_cancelled_and_retried_from_the_list(browser_of, alice, engine_row, upstream):
    from imagegen import jobs

    upstream.always(error(500, "ill"), path="/images/generations")
    job = jobs.wait_for(request_images(alice, {"prompt": "x"})[0], timeout=20)
    upstream.always(drawn(png(8, 8)), path="/images/generations")
    browser_of.get(f"/admin/imagegen/imagejob/{job.pk}/retry/")
    again = ImageJob.objects.exclude(pk=job.pk).get()
    assert jobs.wait_for(again, timeout=20).state == "succeeded"
    assert again.user == alice


def test_lists_do_not_ask_more_with_more_rows(browser_of, alice, make_engine, django_assert_max_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def count(path):
        with CaptureQueriesContext(connection) as queries:
            assert browser_of.get(path).status_code == 200
        return len(queries)

    engine = make_engine(name="One")
    ImageJob.objects.create(user=alice, engine=engine, prompt="x", state="failed")
    paths = [ENGINES, "/admin/imagegen/imagejob/"]
    for path in paths:
        browser_of.get(path)
    before = [count(path) for path in paths]
    for number in range(5):
        more = make_engine(name=f"More {number}")
        ImageJob.objects.create(user=alice, engine=more, prompt="x", state="failed")
    for path in paths:  # what holds for one version of the configuration is read again
        browser_of.get(path)
    assert [count(path) for path in paths] == before


def test_a_new_key_and_none_at_once_are_refused_and_the_stored_one_stays(browser_of, make_engine, upstream):
    row = make_engine(url=upstream.url)
    both = form(url=upstream.url, new_key="sk-new-and-long", remove_key="on")
    page = browser_of.post(f"{ENGINES}{row.pk}/change/", both)
    assert "Enter a new key or remove" in page.content.decode()
    row.refresh_from_db()
    assert row.secret == "sk-ours"
