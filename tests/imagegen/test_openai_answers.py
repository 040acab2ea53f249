"""Responses of `/v1/images/*` against OpenAI's published schemas: usage, URLs, events, errors."""

import base64

import pytest
import requests

from chat.files import recipes
from tests.fixtures.openai_schemas import check, frames_of
from tests.upstream.openai import error
from tests.upstream.openai.images import USAGE as STREAMED
from tests.upstream.openai.images import drawn, streamed
from tests.upstream.pictures import png
from tests.upstream.replies import in_json
from webui.models import SiteAddress

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 30
RED = png(64, 64)
PROMPT = {"prompt": "a kite"}
BAD_USAGE = [None, [], {"input_tokens": None}, {"input_tokens": "7", "input_tokens_details": []}]


def test_a_url_is_answered_where_one_is_asked_for_and_opens_without_a_key(site, api_key, engine_row, upstream):
    upstream.script(drawn(RED))
    answer = site.openai(api_key).images.generate(model="dall-e-3", prompt="a kite", response_format="url")
    url = answer.data[0].url
    assert url.startswith(f"{site.url}/api/v1/files/")
    got = site.session().get(url, timeout=PATIENCE)
    assert (recipes.without(got.content), got.headers["Content-Type"]) == (RED, "image/png")
    assert b"kite" not in got.content  # whoever has the link gets the mark alone
    body = {"prompt": "blue", "images": [{"image_url": url}]}  # the link names the file here too
    headers = {"Authorization": f"Bearer {api_key}"}
    assert requests.post(f"{site.url}/v1/images/edits", json=body, headers=headers, timeout=PATIENCE).ok


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000"])
def test_the_host_of_a_url_is_the_sites_own_whatever_the_request_says(
    site, api_key, engine_row, upstream, settings, host
):
    settings.ALLOWED_HOSTS = ["*"]
    upstream.script(drawn(RED))
    body = {"prompt": "a kite", "response_format": "url"}
    headers = {"Authorization": f"Bearer {api_key}", "Host": host}
    unknown = requests.post(f"{site.url}/v1/images/generations", json=body, headers=headers, timeout=PATIENCE)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (503, "site_address_unknown")
    assert upstream.asked("/images/generations") == []  # nothing is paid for
    SiteAddress.objects.create(pk=1, origin="https://chat.example.com")
    known = requests.post(f"{site.url}/v1/images/generations", json=body, headers=headers, timeout=PATIENCE)
    assert known.json()["data"][0]["url"].startswith("https://chat.example.com/api/v1/files/")
    settings.SITE_URL = "https://site.example"
    known = requests.post(f"{site.url}/v1/images/generations", json=body, headers=headers, timeout=PATIENCE)
    assert known.json()["data"][0]["url"].startswith("https://site.example/api/v1/files/")


DEPLOYMENT = "openai/deployments/my%20draw%2F1/images"


@pytest.mark.parametrize("more", [{}, {"model": "another"}, {"model": ""}, {"model": None}])
@pytest.mark.parametrize("as_form", [False, True], ids=["JSON", "form"])
@pytest.mark.parametrize("operation", ["generations", "edits"])
def test_the_path_of_a_deployment_names_the_model_whatever_the_body_says(
    site, api_key, engine_row, upstream, operation, as_form, more
):
    upstream.script(drawn(RED))
    headers = {"Authorization": f"Bearer {api_key}"}
    url = f"{site.url}/{DEPLOYMENT}/{operation}?api-version=2025-04-01-preview"
    if as_form and operation == "edits":
        fields = {**PROMPT, **{name: value for name, value in more.items() if value is not None}}
        files = {"image": ("a.png", RED, "image/png")}
        answer = requests.post(url, data=fields, files=files, headers=headers, timeout=PATIENCE)
    else:
        picture = {"images": [{"image_url": f"data:image/png;base64,{base64.b64encode(RED).decode()}"}]}
        body = {**PROMPT, **more, **(picture if operation == "edits" else {})}
        answer = requests.post(url, json=body, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    sent = upstream.last.fields if upstream.last.parts else upstream.last.json
    assert sent["model"] == "my draw/1"


USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 100,
    "output_tokens_details": {"text_tokens": 0, "image_tokens": 100},
    "total_tokens": 150,
}


@pytest.mark.parametrize("way", ["generations", "edits"])
def test_usage_is_answered_where_the_engine_told_it(site, api_key, engine_row, upstream, way):
    data_url = f"data:image/png;base64,{base64.b64encode(RED).decode()}"
    headers = {"Authorization": f"Bearer {api_key}"}
    for told, answered in ((USAGE, USAGE), (None, None)):
        more = {"usage": told} if told else {}
        upstream.script(in_json({"created": 1, "data": [{"b64_json": base64.b64encode(RED).decode()}], **more}))
        body = {"prompt": "a kite", "images": [{"image_url": data_url}] if way == "edits" else None}
        answer = requests.post(f"{site.url}/v1/images/{way}", json=body, headers=headers, timeout=PATIENCE)
        assert check("ImagesResponse", answer.json()).get("usage") == answered


@pytest.mark.parametrize(("way", "kind"), [("generations", "Gen"), ("edits", "Edit")])
def test_the_events_of_a_picture_are_as_published(site, api_key, make_engine, upstream, way, kind):
    make_engine(kind="placeholder", url="", model="", secret="", options={"step_seconds": 0}, steps=3)
    data_url = f"data:image/png;base64,{base64.b64encode(RED).decode()}"
    body = {"prompt": "a kite", "size": "1024x1024", "stream": True, "partial_images": 3}
    if way == "edits":
        body |= {"images": [{"image_url": data_url}]}
    headers = {"Authorization": f"Bearer {api_key}"}
    answer = requests.post(f"{site.url}/v1/images/{way}", json=body, headers=headers, timeout=PATIENCE)
    frames = frames_of(answer.text)
    for event, data in frames:
        ending = "Completed" if event.endswith("completed") else "PartialImage"
        name = f"Image{kind}{ending}Event"
        assert check(name, data)["type"] == event
    assert frames[-1][1]["usage"]["total_tokens"] == 0  # this engine counts none


def test_the_usage_of_a_streamed_picture_is_the_engines(site, api_key, make_engine, upstream):
    make_engine(url=upstream.url, options={"partial_images": 1})
    upstream.script(streamed(RED), path="/images/generations")
    stream = site.openai(api_key).images.generate(model="gpt-image-2", prompt="a", stream=True, partial_images=1)
    ended = [event for event in stream if event.type.endswith("completed")]
    assert [event.usage.output_tokens for event in ended] == [STREAMED["output_tokens"]]


@pytest.mark.parametrize("told", BAD_USAGE)
def test_usage_that_cannot_be_read_harms_nothing(site, api_key, engine_row, upstream, told):
    upstream.script(in_json({"data": [{"b64_json": base64.b64encode(RED).decode()}], "usage": told}))
    headers = {"Authorization": f"Bearer {api_key}"}
    answer = requests.post(f"{site.url}/v1/images/generations", json=PROMPT, headers=headers, timeout=PATIENCE)
    check("ImagesResponse", answer.json())


@pytest.mark.parametrize(
    "code", ["moderation_blocked", "content_policy_violation", "unsupported_value", "billing_hard_limit_reached"]
)
@pytest.mark.parametrize("streaming", [False, True])
def test_the_providers_own_code_stays_on_a_refusal(site, api_key, engine_row, upstream, code, streaming):
    upstream.script(error(400, "Their words.", code=code, param="prompt"), path="/images/generations")
    headers = {"Authorization": f"Bearer {api_key}"}
    body = {"prompt": "a kite", "stream": streaming}
    answer = requests.post(f"{site.url}/v1/images/generations", json=body, headers=headers, timeout=PATIENCE)
    refused = frames_of(answer.text)[-1][1] if streaming else answer.json()
    assert check("ErrorResponse", refused)["error"]["code"] == code
    assert refused["error"]["param"] in ("prompt", None)
    assert "Their words." in refused["error"]["message"]
