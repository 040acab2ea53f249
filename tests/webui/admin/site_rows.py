"""Rows for every list of the administration, as after some weeks of use."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from chat import files
from chat.models import (
    Assistant,
    Chat,
    ChatSettings,
    ComparedAnswer,
    Comparison,
    Draft,
    Feedback,
    Folder,
    Memory,
    Message,
    Prompt,
    QueuedMessage,
    Share,
    ToolGrant,
    ToolServer,
    Transfer,
)
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from providers.models import Budget, ChatModel, Connection, GatewaySettings, Price, RateLimit, UsageRecord
from tests import people
from tests.upstream.pictures import png
from webui.models import SiteSettings

SECRET = "An exposed heart"  # a person's own words: in titles, messages, memories, file names and prompts
REFUSED = {
    "message": "The provider does not accept the key (401).",
    "code": "invalid_api_key",
    "status": 401,
    "provider": "Incorrect API key provided.",
    "retryable": False,
    "retry_after": None,
    "blame": "provider",
}


def fill(*, owner: Any) -> None:
    """One or two rows of everything; chats, files, memories, keys and jobs are `owner`'s."""
    now = timezone.now()
    group = Group.objects.create(name="Sales")
    group.user_set.add(owner)
    works = people.make_connection(
        "http://one.invalid/v1", "m1", "m2", name="First", access="groups", last_ok=now, last_checked=now
    )
    works.groups.add(group)
    people.make_connection(
        "http://two.invalid/v1", "m1", name="Second", position=1, tags=["fast"], failures=3,
        last_error="The provider cannot be reached.", last_checked=now,
    )  # fmt: skip
    Connection.objects.create(name="Empty", base_url="http://three.invalid/v1", enabled=False, position=2)
    model = ChatModel.objects.get(public_id="m1")
    model.access = "groups"
    model.tags = ["fast"]
    model.save()
    model.groups.add(group)
    model.users.add(owner)
    ChatModel.objects.create(public_id="preset", name="Preset", base=model, params={"temperature": 0.2}, owner=owner)
    made = ChatModel.objects.create(
        public_id="assistants/mine", name="Mine", base=model, needs_base=True, owner=owner, access="private"
    )
    Assistant.objects.create(model=made, starters=["Hello"], picture=png(4, 4), picture_digest="1")
    Prompt.objects.create(owner=owner, command="letter", title="A letter", text=f"{SECRET}: {{{{Who}}}}")
    people.make_key(owner, name="Nightly", scopes=["images"])
    people.make_key(owner, name="Old", revoked_at=now)
    people.make_key(owner, name="Over", expires_at=now - timedelta(days=1))
    RateLimit.objects.create(requests_minute=3)
    RateLimit.objects.create(target="user", user=owner, tokens_day=100, name="Careful")
    RateLimit.objects.create(target="group", group=group, tokens_day=100)
    Budget.objects.create(user=owner, unit="tokens", amount=10**9)
    budget = Budget.objects.create(group=group, amount=1000, pattern="gpt-*", name="Shared")
    Price.objects.create(input=2, output=8)
    price = Price.objects.create(pattern="m1", connection=works, valid_from=now.date(), picture=1)
    engine = ImageEngine.objects.create(
        name="Studio", kind="comfyui", url="http://comfy.invalid:8188", last_error="Away.", last_checked=now
    )
    engine.groups.add(group)
    through = ImageEngine.objects.create(name="Through", kind="openai", connection=works, last_ok=now)
    tool = {"name": "add", "title": "Add up", "description": "Adds.", "parameters": {}, "request": {}}
    tools = ToolServer.objects.create(name="Desk", url="http://tools.invalid/mcp", auth="grant", listed=[tool])
    tools.groups.add(group)
    ToolGrant.objects.create(user=owner, server=tools, values="{}")
    settings = ImageSettings.load()
    settings.engine = through
    settings.enabled = True
    settings.save()
    settings.groups.add(group)
    GatewaySettings.load().save()
    ChatSettings.load().save()
    SiteSettings.load().save()
    _conversation(owner, engine)
    for status in (200, 401, 499, 502):
        UsageRecord.objects.create(
            user=owner, connection=works, model="m1", kind="chat", tokens_in=1500, tokens_out=20, status=status
        )
    for row in (works, model, budget, price, engine, settings):  # a second version, to compare
        row.name = f"{getattr(row, 'name', '')} 2"
        row.save()


def _conversation(owner: Any, engine: ImageEngine) -> None:
    folder = Folder.objects.create(user=owner, name=SECRET, prompt=f"{SECRET} is our project")
    chat = Chat.objects.create(user=owner, title=SECRET, model="m1", folder=folder)
    Chat.objects.create(user=owner, deleted_at=timezone.now())
    question = Message.objects.create(chat=chat, role="user", content=f"{SECRET}: what does it mean?")
    answer = Message.objects.create(
        chat=chat, parent=question, role="assistant", model="m1", connection="First", status="failed", error=REFUSED,
        status_history=[{"description": "Thinking", "done": True}], usage={"prompt_tokens": 3},
    )  # fmt: skip
    chat.leaf = answer
    chat.save()
    Share.objects.create(chat=chat, leaf=answer)
    Memory.objects.create(user=owner, text=f"{SECRET} and two dogs")
    Feedback.objects.create(message=answer, user=owner, rating="down", reasons=["wrong"], text=SECRET, model="m1")
    comparison = Comparison.objects.create(user=owner, chat=chat, question=question, picked_at=timezone.now())
    for model in ("m1", "m2"):
        ComparedAnswer.objects.create(comparison=comparison, answer=answer, model=model, is_picked=model == "m1")
    Draft.objects.create(user=owner, chat=chat, key=str(chat.pk), text=SECRET, written=timezone.now())
    QueuedMessage.objects.create(chat=chat, position=0, content=SECRET, is_held=True, error=REFUSED)
    for kind in Transfer.TransferKind.values:
        Transfer.objects.create(user=owner, kind=kind, state="failed", name=f"{SECRET}.zip", error=REFUSED)
    context = files.FileContext(chat=chat, message=answer, provenance={"prompt": SECRET})
    picture = files.accept(owner, png(8, 8), name=f"{SECRET}.png", context=context)
    for state in ("queued", "failed", "succeeded", "cancelled"):
        job = ImageJob.objects.create(
            user=owner, engine=engine, prompt=f"{SECRET} in {state} red", state=state, request={"n": 1},
            error=REFUSED if state == "failed" else None, chat=chat,
        )  # fmt: skip
        if state == "succeeded":
            job.files.add(picture)
