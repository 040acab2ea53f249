"""Every route with a JSON body × characters that nobody can store: texts are cleaned, names and addresses refused.

The routes come from the URL conf; `BODIES` says for each which of its members are texts that people write.
"""

import base64
import json
import re
import time
import uuid

import pytest

from chat.models import ChatSettings, Message
from providers.responses import error_responses
from tests import people
from tests.imagegen.conftest import make_engine, store  # noqa: F401  fixtures
from tests.upstream.openai import chat
from tests.upstream.pictures import png
from tests.variants import some
from tests.webui.schema import routes
from tests.webui.schema.test_against_site import things_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("jobs_end")]
PATIENCE = 30
DEVICE_KEY = "BOTx5VVgrt3jtL1Cfgx3LVjNsR24MhFZTufmwaeHpNg-XW4dm3a48ccLDS-6LGgQm6FNyQIPZ6FB8PmeKue4hC8"
PICTURE = f"data:image/png;base64,{base64.b64encode(png(4, 4)).decode()}"
CHARACTERS = {"half a surrogate pair": "\ud83d", "NUL": "\x00"}  # of texts from outside; PostgreSQL stores neither
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Text(str):
    """What a person writes: cleaned."""


class Name(str):
    """A name or an address: refused."""


FILES = [{"id": Name("{file_id}")}]
TALK = [{"role": "user", "content": Text("Why is the sky blue?")}]
TASK = {"model": Name("m1"), "messages": TALK}
ASKED = {
    "content": Text("Why?"),
    "model": Name("m1"),
    "features": {"spare": Text("on")},
    "params": {"user": Text("me")},
    "files": FILES,
}
DRAWN = {
    "prompt": Text("A red kite"),
    "negative_prompt": "",
    "model": Name(""),
    "engine": Name("Studio"),
    "size": Name("64x64"),
}
EDITED = {"prompt": Text("Make it blue"), "image": Name(PICTURE), "engine": Name("Studio")}
IN_BACKGROUND = {
    **TASK,
    "chat_id": Name("{chat_id}"),
    "id": Name("{new_id}"),
    "session_id": Text("tab"),
    "files": FILES,
}
STEP = {
    "description": Text("Searched the web"),
    "detail": Text("Two pages"),
    "sources": [{"title": Text("A page"), "url": Name("https://a.example")}],
}
KEPT = [
    {"role": "user", "content": Text("Why?")},
    {
        "role": "assistant",
        "content": Text("So."),
        "reasoning": Text("Hmm."),
        "model": Name("m1"),
        "status": "failed",
        "error": {"message": Text("It failed."), "provider": Text("Out of memory"), "code": Name("down")},
        "usage": {"note": Text("free")},
        "status_history": [STEP],
    },
]
ASSISTANT = {
    "name": Name("Whale"),
    "base": Name("m1"),
    "description": Text("Sings."),
    "system_prompt": Text("Sing."),
    "starters": [Text("A song")],
}
# By method and route; the same operation below /openai, with and without a deployment in its path, has the same body.
BODIES = {
    "POST /v1/chat/completions": TASK,
    "POST /v1/completions": {"model": Name("m1"), "prompt": Text("Once upon a time")},
    "POST /v1/embeddings": {"model": Name("m1"), "input": Text("Words")},
    "POST /v1/messages": {**TASK, "max_tokens": 64, "system": Text("Be brief.")},
    "POST /v1/messages/count_tokens": {**TASK, "system": Text("Be brief.")},
    "POST /v1/moderations": {"model": Name("m1"), "input": Text("Words")},
    "POST /v1/rerank": {"model": Name("m1"), "query": Text("Which?"), "documents": [Text("One"), Text("Two")]},
    "POST /v1/responses": {"model": Name("m1"), "input": Text("Hello")},
    "POST /v1/audio/speech": {
        "model": "tts-1",
        "input": Text("Hello"),
        "voice": Text("alloy"),
    },  # such models are in no list
    "POST /v1/images/generations": {"prompt": Text("A red kite"), "model": Name("m1"), "size": Name("64x64")},
    "POST /v1/images/edits": {"prompt": Text("Blue"), "images": [{"image_url": Name(PICTURE)}]},
    "POST /api/chat/completions": (TASK, IN_BACKGROUND),
    "POST /api/v1/chats/": {**ASKED, "title": Name("Sky")},
    "POST /api/v1/chats/keep": {"messages": KEPT},
    "POST /api/v1/chats/bulk": {"action": Name("read"), "ids": [Name("{chat_id}")]},
    "POST /api/v1/folders/": {"name": Text("Sea"), "prompt": Text("Be brief.")},
    "PATCH /api/v1/folders/{folder_id}": {"name": Text("Sea"), "prompt": Text("Be brief."), "files": []},
    "POST /api/v1/assistants/": ASSISTANT,
    "PATCH /api/v1/assistants/{assistant_id}": {"name": Name("Whale"), "description": Text("Sings.")},
    "POST /api/v1/prompts/": {"command": Name("p{new_id}"), "title": Name("A letter"), "text": Text("Dear Who")},
    "PATCH /api/v1/prompts/{prompt_id}": {"title": Name("A letter"), "text": Text("Dear Who")},
    "PATCH /api/v1/chats/{chat_id}": {"title": Name("Sky")},
    "POST /api/v1/chats/{chat_id}/messages": ASKED,
    "POST /api/v1/chats/{chat_id}/messages/{message_id}/regenerate": {"model": Name("m1"), "params": {"a": Text("b")}},
    "POST /api/v1/chats/{chat_id}/messages/{message_id}/edit": ASKED,
    "PUT /api/v1/chats/{chat_id}/messages/{message_id}/feedback": {
        "rating": Name("up"),
        "reasons": [Name("clear")],
        "text": Text("It was clear."),
    },
    "PUT /api/v1/drafts/{draft_key}": {"text": Text("Dear"), "files": [{"id": "{file_id}"}]},  # one may be gone by now
    "POST /api/v1/chats/{chat_id}/queue/": ASKED,
    "PATCH /api/v1/chats/{chat_id}/queue/{queued_id}": {"content": Text("And then?")},
    "POST /api/v1/chats/{chat_id}/messages/{message_id}/revise": {"content": Text("Mine.")},
    "POST /api/v1/chats/{chat_id}/comparisons/{comparison_id}/pick": {"message": Name("{message_id}")},
    "PATCH /api/v1/preferences": {"model": Name("m1"), "theme": Name("dark")},
    "POST /api/v1/memories/": {"text": Text("Likes tea.")},
    "PATCH /api/v1/memories/{memory_id}": {"text": Text("Likes coffee.")},
    "POST /api/v1/push/devices": {
        "endpoint": Name("https://push.example.com/1"),
        "keys": {"p256dh": Name(DEVICE_KEY), "auth": Name("c2l4dGVlbiBieXRlcyBvZg")},
        "name": Text("Phone"),
    },
    "POST /api/v1/tasks/title/completions": TASK,
    "POST /api/v1/tasks/follow_ups/completions": TASK,
    "POST /api/v1/tasks/image_prompt/completions": TASK,
    "POST /api/v1/images/generations": DRAWN,
    "POST /api/v1/images/edit": EDITED,
    "POST /api/v1/images/jobs": {**DRAWN, "original_prompt": Text("A kite")},
    "POST /temporary/messages": {"messages": KEPT},
    "POST /openai/verify": {"url": Name("{upstream}"), "key": Name("sk-0123456789")},
    "POST /openai/explain": {
        "operation": Name("chat"),
        "body": {**TASK, "model": "m1"},
        "user": Name("boss@example.com"),
    },
    "POST /openai/config/update": {
        "OPENAI_API_BASE_URLS": [Name("{upstream}")],
        "OPENAI_API_KEYS": [Name("sk-0123456789")],
        "OPENAI_API_CONFIGS": {"0": {"prefix_id": Name("p")}},
    },
    "POST /api/v1/images/describe": {"image": Name("{picture_id}")},
    "POST /api/v1/images/pictures/bulk": {"action": "star", "ids": ["{file_id}"]},
    "POST /api/v1/images/pictures/archive": {"ids": ["{file_id}"]},
    "POST /api/v1/images/verify": {"engine": Name("openai"), "url": Name("{upstream}"), "key": Name("sk-0123456789")},
    "POST /api/v1/images/config/update": {
        "IMAGE_GENERATION_ENGINE": Name("openai"),
        "IMAGES_OPENAI_API_BASE_URL": Name("{upstream}"),
        "IMAGE_SIZE": Name("64x64"),
    },
}
# A deletion of what one has, too: there is one at a time.
# Two answers to merge and a question to decide would have to be made anew for each request.
WITHOUT_BODY = re.compile(
    r"/(merge|decisions|exports/|erasures/|start|send|grant|duplicate|restore|select|stop|cancel|retry|share|continue|fork|summaries|star|stop/{task_id})$"
)
FORMS = re.compile(r"/audio/(transcriptions|translations)$|^/api/v1/(files|imports)/$|/picture$")
REFUSED = (400, 404)  # a model whose name has such a character is not there
# The configuration comes last: it replaces the connection that the others call.
LAST = ("config", "verify")


def routes_with_bodies():
    """`(method, template, body)` of every route of the API that reads JSON."""
    found = []
    for route in routes.of_the_site():
        plain = re.sub(r"^/openai/(?:v1/|deployments/{model}/)?(?!config|explain|verify)", "/v1/", route.template)
        for method in set(route.methods) & {"POST", "PUT", "PATCH"}:
            if not route.is_api or WITHOUT_BODY.search(plain) or FORMS.search(plain):
                continue
            plain = plain if f"{method} {plain}" in BODIES else plain.rstrip("/")
            bodies = BODIES[f"{method} {plain}"]
            for body in bodies if isinstance(bodies, tuple) else (bodies,):
                if "{model}" in route.template:  # the path names it, whatever the body says
                    body = {name: value for name, value in body.items() if name != "model"}
                found.append((method, route.template, body))
    return sorted(found, key=lambda one: (any(word in one[1] for word in LAST), one[1]))


def texts(value):
    """The texts of a body, once each."""
    if isinstance(value, Text | Name):
        return [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for child in children for text in texts(child)]


def written(value, change):
    """The body as bytes, `change` applied to each text."""
    if isinstance(value, Text | Name):
        return change(value)
    if isinstance(value, dict):
        return {name: written(member, change) for name, member in value.items()}
    return [written(member, change) for member in value] if isinstance(value, list) else value


@pytest.fixture(params=["session", "key"])
def asking(request, site, upstream, make_engine):  # noqa: F811
    """`asking(method, template, body)` as an administrator: the response; `asking.routes` are those to try."""
    boss = people.make_user("Boss", admin=True)
    upstream.always(chat("Fine."), path="/chat/completions")
    people.make_connection(upstream.url, "m1")
    make_engine(kind="placeholder", url="", model="m1", secret="", options={"step_seconds": 0}, steps=1, size="64x64")
    ChatSettings.objects.update(memory=True, titles=False)
    if request.param == "session":
        return Asking(site, upstream, boss, site.session(boss), routes_with_bodies())
    session = site.session(key=people.make_key(boss))  # by the lane, where that serves the route
    served = [one for one in routes_with_bodies() if f"{one[1]}/".startswith(error_responses.OPENAI_PATHS)]
    return Asking(site, upstream, boss, session, served)


class Asking:
    def __init__(self, site, upstream, user, session, found):
        self.site, self.upstream, self.user, self.session, self.routes = site, upstream, user, session, found

    def half(self, character):
        """The routes to try with this character: those that are not tried with the other one."""
        return some(self.routes, list(CHARACTERS.values()).index(character), few=len(self.routes) // 2)

    def __call__(self, method, template, body, *, before=b""):
        things = things_of(self.user)
        settled(things["chat_id"])
        if template.endswith("/edit") and "message_id" in template:
            things["message_id"] = Message.objects.get(pk=things["message_id"]).parent_id
        places = {"upstream": self.upstream.url, "new_id": str(uuid.uuid4()), **things}
        text = re.sub(r"{(\w+)}", lambda found: str(places[found[1]]), json.dumps(body))
        return self.session.request(
            method,
            self.site.url + template.format_map({**things, "model": "m1"}),
            data=before + text.encode(),
            headers={"Content-Type": "application/json"},
            timeout=PATIENCE,
        )


def settled(chat_id):
    """Wait until no answer of this chat is being written."""
    deadline = time.monotonic() + PATIENCE
    while Message.objects.filter(chat_id=chat_id, status__in=Message.RUNNING).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def told(method, template, answer, what):
    return f"{method} {template} with {what}: {answer.status_code} {answer.text[:200]}"


def test_each_body_of_the_table_is_one_that_its_route_takes(asking):
    wrong = []
    for method, template, body in asking.routes:
        for before in (b"", BYTE_ORDER_MARK):
            answer = asking(method, template, body, before=before)
            if answer.status_code >= 300:
                wrong.append(told(method, template, answer, f"{before!r} before the body"))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS)
def test_texts_are_cleaned_of_what_cannot_be_stored(asking, character):
    wrong, tried = [], 0
    for method, template, body in asking.half(character):
        if not any(isinstance(text, Text) for text in texts(body)):
            continue
        bad = written(body, lambda text: f"{text}{character}" if isinstance(text, Text) else text)
        answer = asking(method, template, bad)
        tried += 1
        if answer.status_code >= 300:
            wrong.append(told(method, template, answer, "such a text"))
    assert not wrong, "\n".join(wrong)
    assert tried > 10
    sent = [request.json for request in asking.upstream.history if request.body]
    assert len(sent) > 10
    assert "\ud83d" not in json.dumps(sent, ensure_ascii=False)


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS)
def test_names_and_addresses_with_such_characters_are_refused(asking, character):
    wrong, tried = [], 0
    for method, template, body in asking.half(character):
        for name in dict.fromkeys(text for text in texts(body) if isinstance(text, Name)):
            bad = written(body, lambda text, name=name: f"{text}{character}" if text is name else text)
            answer = asking(method, template, bad)
            tried += 1
            if answer.status_code not in REFUSED:
                wrong.append(told(method, template, answer, f"the name {name}"))
    assert not wrong, "\n".join(wrong)
    assert tried > 10


def test_forms_with_texts_are_cleaned_too(asking):
    memory = things_of(asking.user)["memory_id"]
    forms = [("/api/v1/files/", {"temporary": "1", "session_id": "tab\x00"}, {"file": ("a.txt", b"Hello.")})]
    if asking.session.cookies:  # a page
        forms.append((f"/settings/memories/{memory}", {"text": "Likes\x00 coffee."}, None))
    for path, fields, files in forms:
        url = asking.site.url + path
        answer = asking.session.post(url, data=fields, files=files, timeout=PATIENCE, allow_redirects=False)
        assert answer.status_code in (200, 201, 302), told("POST", path, answer, "such a text")
