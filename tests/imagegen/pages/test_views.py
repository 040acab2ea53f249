"""The pictures page and its parts, as HTML from the server."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from chat.models import Chat, File
from imagegen import capabilities
from imagegen.engines import ENGINES
from imagegen.gallery.filters import PictureFilters
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from imagegen.pages import choices, queries
from imagegen.templatetags.pictures import wants_demo_badge
from providers.models import GatewaySettings, UsageRecord
from tests.queries import assert_queries_do_not_grow

pytestmark = pytest.mark.django_db
PART = {"X-Part": "1"}


@pytest.fixture
def client_of(client):
    def sign_in(user):
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return sign_in


@pytest.fixture
def demo(make_engine):
    return make_engine(name="Demo", kind="placeholder", model="", secret="", options={}, demo=True)


def make_picture(user, prompt="a red kite", *, age=0, **fields):
    """A row as a job writes it; `prompt=""` makes an upload."""
    made = {"engine": "Demo", "kind": "placeholder", "prompt": prompt, **fields.pop("made", {})} if prompt else {}
    values = {"name": "kite.png", "storage_name": f"x/{uuid.uuid4()}.png", "content_type": "image/png", "size": 9}
    values |= {"width": 1200, "height": 800, "created": timezone.now() - timedelta(minutes=age), "provenance": made}
    return File.objects.create(owner=user, **{**values, **fields})


def make_job(user, engine, **fields):
    values = {"prompt": "a red kite", "state": "running", "request": {"prompt": "a red kite", "n": 1}}
    return ImageJob.objects.create(user=user, engine=engine, **{**values, "heartbeat": timezone.now(), **fields})


def text_of(answer):
    return answer.content.decode()


def names(user, **filters):
    return [
        row.provenance.get("prompt") or row.name for row in queries.gallery(user, PictureFilters(**filters)).pictures
    ]


# --- Who may see what -------------------------------------------------------------------------------------------------


def test_strangers_are_sent_to_the_login_page_and_parts_answer_401(client, demo):
    assert client.get("/images")["Location"].startswith("/accounts/login/?next=/images")
    for address in ("/images/gallery", "/images/jobs"):
        assert client.get(address, headers=PART).status_code == 401


def test_the_page_shows_the_form_the_engines_and_the_pictures(client_of, alice, demo):
    row = make_picture(alice)
    html = text_of(client_of(alice).get("/images"))
    assert 'id="draw"' in html
    assert f'data-picture="{row.pk}"' in html
    assert 'width="1200" height="800"' in html  # the place is reserved before the bytes come
    assert "ratio-12" in html
    assert f"{row.url}?w=512" in html


def test_switched_off_the_page_says_so_and_leads_an_administrator_to_the_switch(client_of, alice, admin, demo):
    ImageSettings.objects.update(enabled=False)
    page = client_of(alice).get("/images")
    assert page.status_code == 403
    assert "Drawing is switched off here." in text_of(page)
    assert "/admin/imagegen/" not in text_of(page)
    page = client_of(admin).get("/images")
    assert page.status_code == 200
    assert "/admin/imagegen/imagesettings/" in text_of(page)


def test_who_is_not_in_the_groups_that_may_draw_gets_words_and_no_link_in_the_sidebar(client_of, alice, demo):
    assert 'href="/images"' in text_of(client_of(alice).get("/"))
    ImageSettings.load().groups.add(Group.objects.create(name="Painters"))
    page = client_of(alice).get("/images")
    assert page.status_code == 403
    assert "Your account may not draw pictures." in text_of(page)
    assert 'href="/images"' not in text_of(client_of(alice).get("/"))
    assert client_of(alice).get("/images/abilities").status_code == 403


def test_without_an_engine_the_page_says_what_is_missing(client_of, alice, admin, demo):
    demo.delete()
    assert "Please ask your administrator." in text_of(client_of(alice).get("/images"))
    assert "/admin/imagegen/imageengine/" in text_of(client_of(admin).get("/images"))


def test_somebody_elses_pictures_and_jobs_are_not_there(client_of, alice, bob, demo):
    row, job = make_picture(bob), make_job(bob, demo)
    page = client_of(alice)
    assert page.get(f"/images/{row.pk}").status_code == 404
    assert page.get(f"/images/{uuid.uuid4()}", headers=PART).status_code == 404
    html = text_of(page.get("/images"))
    assert str(row.pk) not in html
    assert str(job.pk) not in html


# --- What the form may offer ------------------------------------------------------------------------------------------


def test_only_what_an_engine_can_express_is_offered(alice, demo, make_engine):
    make_engine(name="Studio", url="http://127.0.0.1:9")
    make_engine(name="Old", url="http://127.0.0.1:9", model="dall-e-3")
    found = {one["name"]: one for one in choices.engine_choices(list(ImageEngine.objects.all()), editing=True)}
    assert (found["Demo"]["steps"], found["Demo"]["inputs"], found["Demo"]["own_size"]) == (True, 4, True)
    assert (found["Studio"]["seed"], found["Studio"]["mask"], found["Studio"]["inputs"]) == (False, True, 16)
    assert (found["Old"]["inputs"], found["Old"]["own_size"]) == (0, False)
    assert [one["value"] for one in found["Old"]["groups"][0]["sizes"]] == ["1024x1024", "1792x1024", "1024x1792"]


def test_every_offered_size_can_be_drawn(make_engine):
    models = [(kind, model) for kind in ENGINES for model in capabilities.fallback_models(kind) or ("",)]
    for kind, model in models:
        row = make_engine(name=f"{kind} {model}", kind=kind, model=model, url="http://127.0.0.1:9")
        offered = choices.engine_choice(row, editing=True)
        from imagegen import rows

        can = rows.engine_of(row).capabilities(rows.config_of(row))
        for group in offered["groups"]:
            assert group["sizes"]
            for size in group["sizes"]:
                assert can.size_problem(size["value"]) == ""
                if group["name"]:
                    assert can.tier(size["value"]) == group["name"]


def test_nothing_is_edited_where_editing_is_switched_off(alice, client_of, demo):
    ImageSettings.objects.update(edit_enabled=False)
    assert choices.engine_choice(demo, editing=False)["inputs"] == 0
    assert 'id="add-input"' not in text_of(client_of(alice).get("/images"))


def test_another_model_has_other_abilities(client_of, alice, make_engine):
    row = make_engine(name="Studio", url="http://127.0.0.1:9")
    page = client_of(alice)
    told = page.get("/images/abilities", {"engine": row.pk, "model": "dall-e-3"}).json()
    assert (told["mask"], told["own_size"]) == (False, False)
    assert page.get("/images/abilities", {"engine": row.pk}).json()["mask"] is True


# --- The gallery ------------------------------------------------------------------------------------------------------


def test_the_gallery_is_newest_first_and_filters_by_kind_engine_and_words(alice, bob):
    make_picture(alice, "a lighthouse", age=3)
    make_picture(alice, "一只红狐狸", age=2, made={"engine": "Studio"})
    make_picture(alice, "the kite, blue", age=1, made={"inputs": [str(uuid.uuid4())]})
    make_picture(alice, "", name="holiday.jpg")
    make_picture(bob, "not hers")
    assert names(alice) == ["the kite, blue", "一只红狐狸", "a lighthouse"]
    assert names(alice, kind="drawn") == ["一只红狐狸", "a lighthouse"]
    assert names(alice, kind="edited") == ["the kite, blue"]
    assert names(alice, kind="uploads") == ["holiday.jpg"]
    assert names(alice, engine="Studio") == ["一只红狐狸"]
    assert names(alice, words="LIGHT") == ["a lighthouse"]
    assert names(alice, words="红狐") == ["一只红狐狸"]


def test_masks_waiting_uploads_and_deleted_chats_are_no_pictures(alice, demo):
    mask = make_picture(alice, "", name="mask.png")
    make_job(alice, demo, mask=mask, state="succeeded")
    make_picture(alice, "", name="waiting.png", expires_at=timezone.now() + timedelta(days=1))
    gone = Chat.objects.create(user=alice, deleted_at=timezone.now())
    make_picture(alice, "in a deleted chat", chat=gone)
    assert names(alice, kind="uploads") == []
    assert names(alice) == []


def test_the_gallery_comes_in_pages_and_odd_cursors_start_at_the_top(client_of, alice, demo):
    for number in range(queries.PAGE_SIZE + 5):
        make_picture(alice, f"number {number}", age=number)
    page = client_of(alice)
    first = queries.gallery(alice, PictureFilters())
    second = queries.gallery(alice, PictureFilters(), cursor=first.cursor)
    assert [len(first.pictures), len(second.pictures), second.cursor] == [queries.PAGE_SIZE, 5, ""]
    assert not {row.pk for row in first.pictures} & {row.pk for row in second.pictures}
    assert text_of(page.get("/images")).count('loading="lazy"') == queries.PAGE_SIZE - queries.NEAR
    html = text_of(page.get("/images/gallery", {"cursor": first.cursor}, headers=PART))
    assert html.count('loading="lazy"') == 5
    assert "number 34" in html
    assert "number 1<" not in html
    for cursor in ("x", "_", "2026-01-01T00:00:00_" + "0" * 32):
        assert "number 0" in text_of(page.get("/images/gallery", {"cursor": cursor}, headers=PART))


@pytest.mark.parametrize("before", [queries.PAGE_SIZE - 1, queries.PAGE_SIZE - 2, queries.PAGE_SIZE])
def test_the_pictures_of_one_request_are_on_one_page(alice, before):
    for number in range(before):
        make_picture(alice, f"number {number}", age=number)
    for number in range(4):
        make_picture(alice, "a fox", age=before + number, made={"job": "one request"})
    make_picture(alice, "the last", age=99)
    first = queries.gallery(alice, PictureFilters())
    second = queries.gallery(alice, PictureFilters(), cursor=first.cursor)
    foxes = [group for page in (first, second) for group in page.groups() if group[0].provenance["prompt"] == "a fox"]
    assert [len(group) for group in foxes] == [4]
    assert [len(first.pictures), len(second.pictures)] == (
        [before + 4, 1] if before < queries.PAGE_SIZE else [before, 5]
    )


def test_a_picture_says_how_it_was_made_and_how_to_draw_another_one(client_of, alice, demo):
    row = make_picture(alice, "a <red> kite", made={"seed": 7, "revised_prompt": "A red kite, finely drawn"})
    job = make_job(alice, demo, state="succeeded", request={"prompt": "a <red> kite", "size": "512x512", "seed": 7})
    row.provenance["job"] = str(job.pk)
    row.save()
    html = text_of(client_of(alice).get(f"/images/{row.pk}", headers=PART))
    for words in ("a &lt;red&gt; kite", "A red kite, finely drawn", "Seed", "<dd>7</dd>", "1200 × 800"):
        assert words in html
    assert queries.request_of(row) == {"prompt": "a <red> kite", "size": "512x512", "engine": str(demo.pk)}
    assert "<html" not in html
    assert 'id="view"' in text_of(client_of(alice).get(f"/images/{row.pk}"))  # the address alone opens the page with it


def test_a_picture_tells_what_it_used_and_cost_to_its_owner(client_of, alice, bob, demo):
    GatewaySettings.objects.update_or_create(pk=1, defaults={"currency": "EUR", "currency_rate": "0.5"})
    row = make_picture(alice, "a kite", made={"job": "11111111-1111-4111-8111-111111111111"})
    assert "Cost" not in text_of(client_of(alice).get(f"/images/{row.pk}", headers=PART))  # there is no receipt
    values = {"request_id": row.provenance["job"], "kind": "image", "status": 200, "tokens_out": 4160}
    record = UsageRecord.objects.create(user=alice, images=2, cost="0.08", **values)
    html = text_of(client_of(alice).get(f"/images/{row.pk}", headers=PART))
    for words in (
        "<dt>Tokens out</dt><dd>4,160</dd>",
        "<dt>Cost</dt><dd>0.04 EUR for 2 pictures</dd>",
        "/receipts/1111",
    ):
        assert words in html
    UsageRecord.objects.update(cost=None, images=1)
    assert "<dt>Cost</dt><dd>unknown</dd>" in text_of(client_of(alice).get(f"/images/{row.pk}", headers=PART))
    record.user = bob  # nobody else's receipt is told
    record.save()
    assert "<dt>Cost</dt>" not in text_of(client_of(alice).get(f"/images/{row.pk}", headers=PART))


def test_an_upload_has_no_settings_to_use_again(client_of, alice, demo):
    row = make_picture(alice, "")
    assert queries.request_of(row) is None
    assert 'data-action="vary"' not in text_of(client_of(alice).get(f"/images/{row.pk}", headers=PART))


# --- Jobs -------------------------------------------------------------------------------------------------------------


def test_open_jobs_and_fresh_failures_are_rendered_by_the_server(client_of, alice, demo):
    running = {"fraction": 0.4, "step": 12, "total": 30}
    make_job(alice, demo, progress=running)
    first = make_job(alice, demo, state="queued", created=timezone.now() - timedelta(seconds=5))
    make_job(alice, demo, state="queued")
    error = {"message": "It refused.", "provider": "quota <exceeded>", "blame": "provider", "retryable": True}
    make_job(alice, demo, state="failed", ended=timezone.now(), error=error)
    old = make_job(alice, demo, state="failed", ended=timezone.now() - timedelta(hours=2), error=error)
    html = text_of(client_of(alice).get("/images/jobs", headers=PART))
    assert "step 12 of 30 · 40 %" in html
    assert "Waiting for its turn" in html
    assert "1 before this one" in html
    assert "It refused." in html
    assert "quota &lt;exceeded&gt;" in html
    assert "This may be temporary." in html
    assert str(first.pk) in html
    assert str(old.pk) not in html


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ({"code": "content_refused", "blame": "provider"}, "safety rules"),
        ({"blame": "caller"}, "Change the request"),
        ({"blame": "configuration"}, "Choose another"),
        ({"blame": "network"}, "did not answer"),
        ({"blame": "provider"}, "another engine"),
        (None, "another engine"),
    ],
)
def test_advice_follows_the_blame(client_of, alice, demo, error, advice):
    make_job(alice, demo, state="failed", ended=timezone.now(), error=error)
    assert advice in text_of(client_of(alice).get("/images/jobs", headers=PART))


def test_queries_do_not_grow_with_pictures_and_jobs(client_of, alice, demo):
    row = make_picture(alice)
    make_job(alice, demo, state="queued")
    page = client_of(alice)
    addresses = [
        "/images",
        "/images?kind=uploads",
        "/images/gallery?q=kite&starred=true",
        "/images/jobs",
        f"/images/{row.pk}",
    ]

    def visit():
        for address in addresses:
            assert page.get(address).status_code == 200

    def grow():
        for number in range(15):
            make_picture(alice, f"kite {number}")
            make_picture(alice, "")
            make_job(alice, demo, state="queued")
            make_job(alice, demo, state="failed", ended=timezone.now(), error={"message": "No."})

    assert_queries_do_not_grow(visit, grow)


@pytest.mark.parametrize(
    ("kind", "demo", "marked"), [("placeholder", True, False), ("openai", True, True), ("openai", False, False)]
)
def test_a_sample_is_marked_unless_it_says_so_itself(alice, kind, demo, marked):
    assert wants_demo_badge(make_picture(alice, made={"kind": kind, "demo": demo})) is marked


def test_the_conversation_has_a_brush_only_where_an_engine_takes_masks(client_of, alice, make_engine):
    engine = make_engine(name="Studio", kind="gemini", url="http://127.0.0.1:9", model="gemini-3-pro-image")
    assert 'data-action="brush-picture"' not in text_of(client_of(alice).get("/"))
    engine.kind = "placeholder"
    engine.save()
    assert 'data-action="brush-picture"' in text_of(client_of(alice).get("/"))


def test_in_a_conversation_the_full_view_offers_the_edit_and_no_gallery_actions(client_of, alice, demo):
    before = make_picture(alice, "a boat")
    row = make_picture(alice, made={"inputs": [str(before.pk), str(uuid.uuid4())]})
    shown = text_of(client_of(alice).get(f"/images/{row.pk}?in=chat", headers=PART))
    assert 'data-action="edit-shown"' in shown
    assert f'href="/images/{before.pk}"' in shown
    assert 'data-action="delete-picture"' not in shown
    assert 'id="image-request"' not in shown
