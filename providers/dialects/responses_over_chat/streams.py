"""The chunks of a chat completion as the events of a response. docs/upstreams/openai.md, “Responses API”."""

import uuid
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from providers import json_bodies
from providers.dialects import chat_form
from providers.dialects.chunks import ChunkStream
from providers.dialects.responses_over_chat import shape
from providers.dialects.translation import Body, ClientRequest

MOST_HELD = 2**23  # characters of an answer: events at its end repeat all of it
MOST_CALLS = 1000


@dataclass(slots=True)
class _Item:
    """An item of the output that is open, and its text so far."""

    kind: str  # message, refusal (a message too), reasoning, function_call
    id: str
    index: int
    texts: list[str] = field(default_factory=list)
    logprobs: list[Any] = field(default_factory=list)
    call_id: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        return "".join(self.texts)


class ResponseStream(ChunkStream):
    """The chunks of one chat completion as the events of a response.

    Thoughts, text and refusals are items one after the other. Calls come as the provider sends them, perhaps several at
    the same time, each with the index of its item; they end with the response.
    """

    def __init__(self, request: ClientRequest) -> None:
        super().__init__(request)
        self._number = 0  # of the next event
        self._id = ""
        self._output: list[Body] = []  # the items that have ended, in order; empty objects for open ones
        self._open: _Item | None = None  # a message or thoughts
        self._calls: dict[Any, _Item] = {}
        self._held = 0

    def begin(self, chunk: Body) -> Iterator[bytes]:
        self._id = shape.id_of(chunk.get("id") or uuid.uuid4().hex, "resp")
        begun = shape.response(self.request, self._id)
        yield self._event("response.created", response=begun)
        yield self._event("response.in_progress", response=begun)

    # --- items that follow each other ---

    def think(self, text: str) -> Iterator[bytes]:
        if self._open is None or self._open.kind != "reasoning":
            item = yield from self._start("reasoning", "rs")
            part = {"type": "summary_text", "text": ""}
            yield self._at(item, "reasoning_summary_part.added", summary_index=0, part=part)
        yield self._grow("reasoning_summary_text.delta", text, summary_index=0)

    def say(self, text: str, logprobs: list[Any]) -> Iterator[bytes]:
        if self._open is None or self._open.kind != "message":
            item = yield from self._start("message", "msg")
            yield self._at(item, "content_part.added", content_index=0, part=shape.text_part(""))
        assert self._open is not None  # noqa: S101
        self._open.logprobs += logprobs
        yield self._grow("output_text.delta", text, content_index=0, logprobs=logprobs)

    def refuse(self, text: str) -> Iterator[bytes]:
        if self._open is None or self._open.kind != "refusal":
            item = yield from self._start("refusal", "msg")
            yield self._at(item, "content_part.added", content_index=0, part=shape.refusal_part(""))
        yield self._grow("refusal.delta", text, content_index=0)

    def _start(self, kind: str, prefix: str) -> Generator[bytes, None, _Item]:
        yield from self._end_item("completed")
        self._open = item = self._next(kind, prefix)
        begun = shape.reasoning if kind == "reasoning" else shape.message
        yield self._event("response.output_item.added", output_index=item.index, item=begun(item.id, "in_progress"))
        return item

    def _grow(self, kind: str, text: str, **members: Any) -> bytes:
        item = self._open
        assert item is not None  # noqa: S101
        self._hold(item, text)
        return self._at(item, kind, delta=text, **members)

    def _end_item(self, status: str) -> Iterator[bytes]:
        """End the item that is open, with all of its text."""
        item, self._open = self._open, None
        if item is None:
            return
        if item.kind == "reasoning":
            part = {"type": "summary_text", "text": item.text}
            yield self._at(item, "reasoning_summary_text.done", summary_index=0, text=item.text)
            yield self._at(item, "reasoning_summary_part.done", summary_index=0, part=part)
            yield self._done(item, shape.reasoning(item.id, "completed", item.text))
            return
        if item.kind == "refusal":
            part = shape.refusal_part(item.text)
            yield self._at(item, "refusal.done", content_index=0, refusal=item.text)
        else:
            part = shape.text_part(item.text, item.logprobs)
            yield self._at(item, "output_text.done", content_index=0, text=item.text, logprobs=item.logprobs)
        yield self._at(item, "content_part.done", content_index=0, part=part)
        yield self._done(item, shape.message(item.id, status, [part]))

    # --- calls ---

    def call(self, delta: Mapping[str, Any], function: Mapping[str, Any]) -> Iterator[bytes]:
        key = chat_form.key_of_call(self._calls, delta, function)
        if key not in self._calls:
            yield from self._end_item("completed")
            yield self._start_call(key, delta, function)
        if text := chat_form.arguments_in(function):
            yield self._grow_call(self._calls[key], text)

    def _grow_call(self, item: _Item, text: str) -> bytes:
        self._hold(item, text)
        return self._at(item, "function_call_arguments.delta", delta=text)

    def _start_call(self, key: Any, delta: Mapping[str, Any], function: Mapping[str, Any]) -> bytes:
        if len(self._calls) >= MOST_CALLS:
            raise chat_form.too_long()
        call_id, name = delta.get("id"), function.get("name")
        item = self._next("function_call", "fc")
        item.call_id = call_id if isinstance(call_id, str) and call_id else f"call_{len(self._calls)}"
        item.name = name if isinstance(name, str) else ""
        self._calls[key] = item
        begun = shape.call(item.id, "in_progress", item.call_id, item.name)
        return self._event("response.output_item.added", output_index=item.index, item=begun)

    # --- the end ---

    def close(self, finish_reason: Any) -> Iterator[bytes]:
        end = shape.ending(finish_reason, self.request.created)
        if not self._output:  # an empty answer is a message all the same
            item = yield from self._start("message", "msg")
            yield self._at(item, "content_part.added", content_index=0, part=shape.text_part(""))
        yield from self._end_item(end["status"])
        for item in self._calls.values():
            if not item.texts:  # a function without parameters
                yield self._grow_call(item, "{}")
            yield self._at(item, "function_call_arguments.done", arguments=item.text, name=item.name)
            yield self._done(item, shape.call(item.id, end["status"], item.call_id, item.name, item.text))
        usage = shape.usage(self.usage)
        whole = shape.response(self.request, self._id, output=self._output, usage=usage, **end)
        yield self._event(f"response.{end['status']}", response=whole)

    # --- events ---

    def _next(self, kind: str, prefix: str) -> _Item:
        item_id = shape.id_of(self._id.removeprefix("resp_"), prefix)
        index = len(self._output)
        self._output.append({})
        return _Item(kind, f"{item_id}_{index}" if index else item_id, index)

    def _hold(self, item: _Item, text: str) -> None:
        self._held += len(text)
        if self._held > MOST_HELD:
            raise chat_form.too_long()
        item.texts.append(text)

    def _done(self, item: _Item, whole: Body) -> bytes:
        self._output[item.index] = whole
        return self._event("response.output_item.done", output_index=item.index, item=whole)

    def _at(self, item: _Item, kind: str, **members: Any) -> bytes:
        return self._event(f"response.{kind}", item_id=item.id, output_index=item.index, **members)

    def _event(self, kind: str, **members: Any) -> bytes:
        value = {"type": kind, "sequence_number": self._number, **members}
        self._number += 1
        return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps(json_bodies.clean(value)))
