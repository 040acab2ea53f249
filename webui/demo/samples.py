"""Sample people, chats, models and usage (`manage.py demo`). Not for a site that is in use."""

import random
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from chat.models import Chat, Message
from providers.models import ChatModel, Connection, ModelAccess, UsageRecord
from webui.accounts import services
from webui.demo.answers import answer_to, text_of
from webui.models import User

DOMAIN = "sample.example.com"
MODEL = "demo"
PEOPLE = [("Ada", "Ada Okafor"), ("Ben", "Ben Lindqvist"), ("Chen", "陈思远")]
GROUP = "Editors"


class SiteInUse(Exception):
    """The site has data of people; the message says which."""


@dataclass(frozen=True, slots=True)
class SampleChat:
    """One sample chat: its questions and answers, and its age."""

    title: str
    turns: tuple[tuple[str, str], ...]
    hours_ago: float
    again: str = ""  # a second answer to the last question, as another branch
    failed: bool = False  # a last question whose answer failed


def check_unused() -> None:
    """Raise SiteInUse where the site has connections or chats of its own."""
    if Connection.objects.filter(demo=False).exists():
        raise SiteInUse("This site has connections of its own.")
    if Chat.objects.exclude(user__email__endswith=f"@{DOMAIN}").exists():
        raise SiteInUse("This site has chats of its own.")


def sample_chats() -> dict[str, list[SampleChat]]:
    """The sample chats of each person."""

    def written(language: str, subject: str) -> str:
        return text_of(language, subject)

    return {
        "Ada": [
            SampleChat(
                "Blue sky, red evening",
                (("Explain to a ten-year-old why the sky is blue.", written("en", "sky")),),
                0.3,
                again="Sunlight is a mix of all colours. Air scatters **blue** far more than red, so blue reaches your"
                " eyes from every side. When the sun is low, most of the blue is gone before it reaches you.",
            ),
            SampleChat(
                "Three ways to brew coffee", (("Compare three ways to brew coffee.", written("en", "table")),), 5
            ),
            SampleChat("Find duplicate files", (("Find duplicate files, please.", written("en", "code")),), 26),
            SampleChat("Area under the bell curve", (("Why is it the root of pi?", written("en", "maths")),), 75),
            SampleChat("A friendly no", (("Decline tomorrow's meeting.", written("en", "letter")),), 300),
        ],
        "Ben": [
            SampleChat("Connect Ollama", (("How do I connect Ollama on this machine?", written("en", "connect")),), 2),
            SampleChat("Too long a text", (("Summarise the whole archive.", ""),), 30, failed=True),
        ],
        "Chen": [
            SampleChat("为什么天空是蓝色的", (("为什么天空是蓝色的？", written("zh-hans", "sky")),), 1),
            SampleChat("冲咖啡的三种方法", (("用表格比较三种冲咖啡的方法。", written("zh-hans", "table")),), 49),
        ],
    }


@transaction.atomic
def make() -> list[tuple[str, str]]:
    """Make the samples. Returns (e-mail address, password) of each person; later runs set new passwords."""
    generator = random.Random(4)  # noqa: S311  (samples, the same at every run)
    logins = []
    group = Group.objects.get_or_create(name=GROUP)[0]
    if not User.objects.filter(is_superuser=True, is_active=True).exists():
        logins.append(_person("admin", "Robin Sample", admin=True))
    for short, name in PEOPLE:
        login = _person(short.lower(), name)
        logins.append(login)
        user = User.objects.get(email=login[0])
        group.user_set.add(user)
        for sample in sample_chats()[short]:
            _make_chat(user, sample)
        _usage(user, generator)
    _presets(group)
    return logins


def _person(short: str, name: str, *, admin: bool = False) -> tuple[str, str]:
    email, password = f"{short}@{DOMAIN}", secrets.token_urlsafe(9)
    user = User.objects.filter(email=email).first()
    if user is None:
        services.create_account(email, name=name, password=password, admin=admin)
    else:
        user.set_password(password)
        user.save()
        user.chats.all().delete()
    return email, password


def _make_chat(user: User, sample: SampleChat) -> None:
    when = timezone.now() - timedelta(hours=sample.hours_ago)
    chat = Chat.objects.create(user=user, title=sample.title, model=MODEL, created=when, updated=when)
    last: Message | None = None
    for question, answer in sample.turns:
        message = Message.objects.create(
            chat=chat, parent=last, role=Message.Role.USER, content=question, created=when, saved=when
        )
        last = _answer(message, answer, when + timedelta(seconds=1), failed=sample.failed)
        if sample.again:
            last = _answer(message, sample.again, when + timedelta(seconds=40))
        when += timedelta(minutes=2)
    chat.leaf = last
    chat.save(update_fields=["leaf"])


def _answer(question: Message, text: str, when: datetime, *, failed: bool = False) -> Message:
    error = None
    if failed:
        error = {
            "message": "The provider refused the request.",
            "provider": "This model's maximum context length is 8192 tokens, however you requested 20480.",
            "code": "context_length_exceeded",
            "retryable": False,
            "retry_after": None,
            "blame": "provider",
        }
    usage = answer_to([{"role": "user", "content": question.content}]).usage()
    return Message.objects.create(
        chat=question.chat,
        parent=question,
        role=Message.Role.ASSISTANT,
        content=text,
        model=MODEL,
        connection="Demo",
        status=Message.Status.FAILED if failed else Message.Status.DONE,
        error=error,
        usage=None if failed else usage,
        first_token_ms=None if failed else 42,
        duration_ms=4200,
        created=when,
        saved=when,
    )


def _usage(user: User, generator: random.Random) -> None:
    """Two weeks of usage records, a random number a day."""
    UsageRecord.objects.filter(user=user).delete()
    now = timezone.now()
    UsageRecord.objects.bulk_create(
        UsageRecord(
            user=user,
            model=MODEL,
            kind="chat",
            when=now - timedelta(days=day, minutes=generator.randint(0, 600)),
            tokens_in=generator.randint(20, 900),
            tokens_out=generator.randint(50, 700),
            status=502 if generator.random() < 0.04 else 200,
            first_byte_ms=generator.randint(35, 400),
            duration_ms=generator.randint(900, 9000),
        )
        for day in range(14)
        for _ in range(generator.randint(2, 14))
    )


def _presets(group: Group) -> None:
    """Two presets of the demo model: one for everyone, one for the group."""
    base = ChatModel.objects.filter(public_id=MODEL).first()
    if base is None:
        return
    ChatModel.objects.get_or_create(
        public_id="translator",
        defaults={
            "name": "Translator",
            "description": "Into the other language, tone kept",
            "base": base,
            "system_prompt": "Translate what follows into English, or into Chinese when it is English. Keep the tone.",
            "access": ModelAccess.PUBLIC,
        },
    )
    editor, created = ChatModel.objects.get_or_create(
        public_id="style-editor",
        defaults={
            "name": "Style editor",
            "description": "For the editors: shorter, clearer, same meaning",
            "base": base,
            "system_prompt": "Rewrite what follows: shorter and clearer, with the same meaning.",
            "params": {"temperature": 0.3},
            "access": ModelAccess.GROUPS,
        },
    )
    if created:
        editor.groups.add(group)
