"""What the model is told before the first message, and how it is to answer: the one place that puts it together.

What changes least stands first, so that providers find it in their prompt caches:

1. the system prompt of the model, or of the assistant made of it. The relay puts it in front of whatever is sent
   (`providers.relay.payload`), for programs as for chats: nobody else adds it.
2. the system prompt of the chat's folder (`chat.folders`)
3. the chat's own rules (`chat.rules`)
4. system messages that a program sends

What handlers add (`Turn.add_context`) comes behind the question that it is for (`chat.pipeline.contexts`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from chat.models import Chat
from chat.rules import PARAMS
from providers.facts import Caller
from providers.matching import variables


@dataclass(frozen=True, slots=True)
class Instructions:
    """The texts before the first message in their order, defaults for the body's parameters, and the names of the tools
    that the model may use; None: all.
    """

    texts: tuple[str, ...] = field(default=(), repr=False)
    params: Mapping[str, Any] = field(default_factory=dict)
    tools: frozenset[str] | None = None


NONE = Instructions()


class Request(Protocol):
    """A request for a completion, as far as this module needs to know."""

    @property
    def instructions(self) -> Instructions: ...
    @property
    def caller(self) -> Caller: ...
    @property
    def cookies(self) -> Mapping[str, str]: ...


def of_chat(chat: Chat) -> Instructions:
    """Those of a stored chat. May read the database."""
    given = of_rules(chat.rules)
    folder = chat.folder
    return replace(given, texts=(folder.prompt, *given.texts)) if folder is not None and folder.prompt else given


def of_rules(rules: Mapping[str, Any]) -> Instructions:
    """Those of rules as `RulesSerializer` leaves them, for chats that are not stored."""
    tools = rules.get("tools")
    return Instructions(
        texts=tuple(filter(None, [rules.get("system_prompt")])),
        params={name: rules[name] for name in PARAMS if name in rules},
        tools=None if tools is None else frozenset(tools),
    )


def put_into(payload: dict[str, Any], request: Request) -> None:
    """Put a request's instructions into its body: the texts with their variables filled in before everything in the
    messages, the parameters where the body has none of its own.
    """
    given = request.instructions
    limits = ("max_tokens", "max_completion_tokens")  # two names of one thing
    has_limit = any(name in payload for name in limits)
    for name, value in given.params.items():
        if name not in payload and not (name in limits and has_limit):
            payload[name] = value
    if given.texts:
        texts = tuple(variables.filled_in(text, request.caller, request.cookies) for text in given.texts)
        payload["messages"] = with_texts(payload["messages"], texts)


def with_texts(messages: list[dict[str, Any]], texts: tuple[str, ...]) -> list[dict[str, Any]]:
    """The messages with these texts at the beginning of their system message, which is made where there is none."""
    first = messages[0] if messages else {}
    if first.get("role") not in ("system", "developer"):
        return [{"role": "system", "content": "\n\n".join(texts)}, *messages]
    content = first.get("content")
    if isinstance(content, list):
        joined: Any = [*({"type": "text", "text": text} for text in texts), *content]
    else:
        joined = "\n\n".join([*texts, *filter(None, [content])])
    return [{**first, "content": joined}, *messages[1:]]
