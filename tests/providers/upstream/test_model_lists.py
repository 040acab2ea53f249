"""The parser of model lists."""

import orjson
import pytest

from providers.catalogue.snapshot_loader import facts_of
from providers.errors import ProviderError
from providers.models import Connection
from providers.upstream import model_lists


def read(value, status=200):
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return [item.upstream_id for item in model_lists.read_list(status, body, {})]


def facts(base_url="http://up.example/v1", **fields):
    return facts_of(Connection(name="c", base_url=base_url, **fields))


@pytest.mark.parametrize(
    "answer",
    [
        {"object": "list", "data": [{"id": "a"}, {"id": "b"}]},
        [{"id": "a"}, {"id": "b"}],
        {"data": ["a", "b"]},
        {"models": [{"name": "a", "model": "a"}, {"name": "b"}]},
        {"data": {"data": [{"id": "a"}, {"id": "b"}]}},
        {"data": {"models": ["a", "b"]}},
        {"data": None, "models": [{"name": "a"}, {"name": "b"}]},
        {"data": [], "models": ["a", "b"]},
        {"data": {}, "models": ["a", "b"]},
        {"data": ["a", "b"], "models": None},
        {"models": [], "data": ["a", "b"]},
        {"data": {"data": None, "models": ["a", "b"]}},
        {"data": None, "models": {"data": ["a", "b"]}},
        b'\xef\xbb\xbf{"data": [{"id": "a", "created": NaN}, {"id": "b", "size": 1e400}]}',
        b'{"data": [{"id": "a", "description": "\\ud83d"}, {"id": "b"}]}',
        {"data": [{"id": "a"}, {"id": "b"}, {"id": "a"}, {"no": "id"}, None, 7, {"id": ""}, {"id": "x" * 300}]},
    ],
)
def test_a_list_of_this_shape_is_read_once_per_id(answer):
    assert read(answer) == ["a", "b"]


@pytest.mark.parametrize("answer", [{"data": None}, {"data": []}, [], {"models": None}, {"data": [], "models": None}])
def test_a_server_without_models_has_an_empty_list(answer):
    assert read(answer) == []


@pytest.mark.parametrize(
    "body",
    [
        b"<html><head><title>502 Bad Gateway</title></head></html>",
        b"",
        b"not json",
        {"data": {"id": "a"}},
        {"data": None, "models": "none"},
        {"data": None, "models": {"error": "No such thing"}},
        {"error": {"message": "No such thing"}},
        {"error": "No such thing", "data": []},
        {"detail": "Not Found"},
        7,
    ],
)
def test_what_is_no_list_is_an_error_and_never_an_empty_list(body):
    with pytest.raises(ProviderError) as caught:
        read(body)
    assert caught.value.code == "invalid_answer"


def test_a_refusal_keeps_its_status_its_words_and_when_to_try_again():
    with pytest.raises(ProviderError) as caught:
        model_lists.read_list(429, b'{"error": {"message": "Slow down."}}', {"retry-after": "7"})
    error = caught.value
    assert (error.status, error.provider, error.retry_after, error.retryable) == (429, "Slow down.", 7.0, True)


@pytest.mark.parametrize(("status", "title"), [(502, "502 Bad Gateway"), (504, "504 Gateway Time-out"), (200, "Hi")])
def test_the_page_of_a_proxy_is_told_by_its_title(status, title):
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>nginx</body></html>".encode()
    with pytest.raises(ProviderError) as caught:
        model_lists.read_list(status, page, {})
    assert caught.value.provider == title


def test_a_name_that_is_null_is_left_out():
    (item,) = model_lists.read_list(200, b'{"data": [{"id": "a", "name": null}]}', {})
    assert "name" not in item.raw


def test_googles_names_are_read_without_their_folder():
    entry = {"name": "models/gemini-3.5-flash", "displayName": "Flash", "supportedGenerationMethods": ["embedContent"]}
    (listed,) = model_lists.read_list(200, orjson.dumps({"models": [entry]}), {})
    assert listed.upstream_id == "gemini-3.5-flash"
    assert model_lists.name_of(listed.raw) == "Flash"
    assert model_lists.writes_of(listed.raw) is False


def test_a_huge_object_keeps_its_plain_members():
    huge = {"id": "a", "name": "A", "created": 1, "template": "x" * 50_000, "nested": {"y": "z" * 50_000}}
    (item,) = model_lists.read_list(200, orjson.dumps({"data": [huge]}), {})
    assert item.raw == {"id": "a", "name": "A", "created": 1}


def test_a_huge_list_is_cut():
    assert len(read([{"id": str(number)} for number in range(model_lists.MAX_MODELS + 50)])) == model_lists.MAX_MODELS


@pytest.mark.parametrize("word", model_lists.NOT_FOR_CHAT)
def test_the_official_api_lists_models_that_are_not_for_chats(word):
    for host in ("api.openai.com", "eu.api.openai.com"):
        assert not model_lists.is_for_chat(facts(f"https://{host}/v1"), f"x-{word}-1")
    assert model_lists.is_for_chat(facts("https://api.openai.com.example/v1"), f"x-{word}-1")
    assert model_lists.is_for_chat(facts("https://api.openai.com/v1"), "gpt-6")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"architecture": {"input_modalities": ["text", "image"]}}, True),
        ({"architecture": {"input_modalities": ["text"]}}, False),
        ({"capabilities": ["completion", "vision"]}, True),
        ({"capabilities": ["completion"]}, False),
        ({"capabilities": {"vision": True}}, True),
        ({"capabilities": {"image_input": {"supported": True}}}, True),
        ({"capabilities": {"image_input": {"supported": False}}}, False),
        ({"capabilities": {"chat": True}}, None),
        ({"architecture": "old"}, None),
        ({}, None),
    ],
)
def test_whether_a_model_sees_is_read_where_the_provider_says_it(raw, expected):
    assert model_lists.vision_of(raw) is expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"supported_parameters": ["temperature", "tools"]}, True),
        ({"supported_parameters": ["temperature"]}, False),
        ({"capabilities": ["completion", "tools"]}, True),
        ({"capabilities": ["completion"]}, False),
        ({"capabilities": {"function_calling": True}}, True),
        ({"capabilities": {"chat": True}}, None),
        ({"supported_parameters": None}, None),
        ({}, None),
    ],
)
def test_whether_a_model_calls_functions_is_read_where_the_provider_says_it(raw, expected):
    assert model_lists.tools_of(raw) is expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o", True),
        ("gpt-4o-mini-2024-07-18", True),
        ("gpt-4.1-nano", True),
        ("gpt-5.2", True),
        ("gpt-12", True),
        ("o1", True),
        ("o4-mini", True),
        ("us.openai.gpt-5", True),
        ("o1-mini", False),
        ("o1-preview", False),
        ("gpt-5-chat-latest", False),
        ("chatgpt-4o-latest", False),
        ("gpt-4o-search-preview", False),
        ("gpt-4o-transcribe", False),
        ("gpt-3.5-turbo", False),
        ("my-deployment", False),
        ("foo1", False),
    ],
)
def test_the_families_that_call_functions_are_known_on_the_official_apis_alone(model, expected):
    assert model_lists.is_known_to_call(facts("https://api.openai.com/v1"), model) is expected
    assert model_lists.is_known_to_call(facts("https://a.openai.azure.com/openai/v1", kind="azure"), model) is expected
    assert not model_lists.is_known_to_call(facts("https://models.example/v1"), model)


# --- where a list continues -------------------------------------------------------------------------------------------

URL = "http://up.example/v1/models"


def ask(answers, urls=(URL,)):
    """The ids of a list whose server answers so, and the URLs that were asked."""
    reader, asked = model_lists.ListReader(list(urls)), []
    while reader.url is not None:
        asked.append(reader.url)
        status, value, headers = answers(reader.url)
        reader.take(status, value if isinstance(value, bytes) else orjson.dumps(value), headers)
    return [model.upstream_id for model in reader.models()], asked


@pytest.mark.parametrize(
    "target",
    ["/v1/models/", "http://up.example/api/models", "https://up.example/v1/models", "https://up.example:8443/models"],
)
def test_a_redirect_on_the_same_host_is_followed(target):
    def answer(url):
        return (307, b"", {"location": target}) if url == URL else (200, {"data": ["a"]}, {})

    found, asked = ask(answer)
    assert (found, len(asked)) == (["a"], 2)


@pytest.mark.parametrize(
    "target",
    [
        "https://other.example/v1/models",
        "http://up.example:8081/models",
        "//other.example/models",
        "ftp://up.example/a",
    ],
)
def test_a_redirect_to_another_server_is_told_and_gets_no_key(target):
    with pytest.raises(ProviderError) as refused:
        ask(lambda url: (302, b"", {"location": target}))
    assert refused.value.code == "redirected"


def test_a_circle_of_redirects_ends():
    with pytest.raises(ProviderError) as refused:
        ask(lambda url: (302, b"", {"location": f"{url}x"}))
    assert refused.value.code == "redirected"


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize(
    "page",
    [
        lambda number: {"has_more": True, "last_id": f"m{number}"},
        lambda number: {"next_page": f"token-{number}"},
        lambda number: {"next_page": f"/v1/models?cursor={number}"},
        lambda number: {"next_page": f"http://up.example/v1/models?cursor={number}"},
        lambda number: {"next_page": f"?cursor={number}"},
        lambda number: {"next_page": f"models?cursor={number}"},
        lambda number: {"next_page": number + 1},
        lambda number: {"nextPageToken": f"token-{number}"},
        lambda number: {"has_more": True},
        lambda number: {"has_more": 1, "last_id": f"m{number}"},
        lambda number: {"has_more": "true", "last_id": f"m{number}"},
        lambda number: {"has_more": True, "last_id": None},
        lambda number: {"has_more": True, "last_id": 100 + number},
    ],
)
def test_all_pages_are_read(page, depth):
    def answer(url):
        answer.number += 1
        more = page(answer.number) if answer.number < 4 else {"has_more": False, "next_page": None}
        value = {"data": [f"m{answer.number}"], **more}
        for _depth in range(depth):
            value = {"data": value, "object": "list"}
        return 200, value, {}

    answer.number = 0
    found, asked = ask(answer)
    assert found == ["m1", "m2", "m3", "m4"]
    assert len(set(asked)) == 4


@pytest.mark.parametrize(
    "more",
    [
        {"has_more": False, "last_id": "m1"},
        {"has_more": "false"},
        {"has_more": 0},
        {"next_page": ""},
        {"next_page": None},
    ],
)
def test_the_last_page_says_that_it_is_the_last(more):
    assert ask(lambda url: (200, {"data": ["m1"], **more}, {})) == (["m1"], [URL])


def test_a_page_that_was_read_is_not_asked_for_again():
    pages = {URL: "?page=2", f"{URL}?page=2": "?page=3", f"{URL}?page=3": "?page=2"}

    def answer(url):
        return 200, {"data": [f"m{len(seen)}"], "next_page": pages[seen.append(url) or url]}, {}

    seen = []
    found, asked = ask(answer)
    assert (len(found), asked) == (3, list(pages))


@pytest.mark.parametrize("more", [{"has_more": True, "last_id": "m"}, {"next_page": "again"}, {"has_more": True}])
def test_pages_that_bring_nothing_new_end_the_list(more):
    found, asked = ask(lambda url: (200, {"data": ["m"], **more}, {}))
    assert (found, len(asked)) == (["m"], 2)


def test_a_list_without_an_end_is_cut():
    def answer(url):
        answer.number += 1
        return 200, {"data": [f"m{answer.number}"], "next_page": str(answer.number)}, {}

    answer.number = 0
    assert len(ask(answer)[0]) == model_lists.MAX_PAGES


@pytest.mark.parametrize("target", ["https://other.example/v1/models?page=2", "//other.example/2"])
def test_a_page_at_another_server_is_not_read(target):
    assert ask(lambda url: (200, {"data": ["m"], "next_page": target}, {})) == (["m"], [URL])


def test_the_next_url_is_asked_where_the_first_is_not_there():
    urls = ("http://up.example/models", URL)
    assert ask(lambda url: (200, ["a"], {}) if url == URL else (404, b"", {}), urls) == (["a"], list(urls))
