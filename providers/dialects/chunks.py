"""The stream of a chat completion, read a chunk at a time. docs/upstreams/openai.md, “Chat stream”."""

from collections.abc import Iterator, Mapping
from typing import Any

from providers import json_bodies
from providers.dialects import chat_form
from providers.dialects.translation import Body, ClientRequest


class ChunkStream:
    """Reads the chunks of one chat completion, and says what they add in another form, as the bytes of its events.

    A subclass implements the verbs below `take`, each of which yields events. Of several choices the first one counts.
    """

    def __init__(self, request: ClientRequest) -> None:
        self.request = request
        self.usage: Any = None  # the newest usage object
        self._has_begun = self._has_ended = False
        self._ending: Any = None  # the finish reason

    def take(self, name: str, data: str) -> Iterator[bytes]:
        """The events for one frame. Raises ProviderError for a frame that tells of an error."""
        if data.startswith("[DONE]"):
            yield from self.end()
            return
        try:
            value = json_bodies.parse_response(data)
        except ValueError:
            return  # a sign of life
        if not isinstance(value, dict):
            return
        if name == "error" or value.get("error"):
            raise chat_form.failure(value.get("error") or value)
        if isinstance(value.get("usage"), dict):
            self.usage = value["usage"]
        choices = value.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and not choice.get("index"):
                yield from self._take(value, choice)

    def end(self) -> Iterator[bytes]:
        """The last events, once. Raises ProviderError for a stream without a finish reason."""
        if self._has_ended:
            return
        if self._ending is None:
            raise chat_form.cut_off()
        self._has_ended = True
        yield from self.close(self._ending)

    def _take(self, value: Body, choice: Mapping[str, Any]) -> Iterator[bytes]:
        if not self._has_begun:
            self._has_begun = True
            yield from self.begin(value)
        delta = choice.get("delta")
        if isinstance(delta, dict):
            if thoughts := chat_form.thoughts_in(delta):
                yield from self.think(thoughts)
            if text := chat_form.text_in(delta):
                yield from self.say(text, chat_form.logprobs_in(choice))
            if refusal := chat_form.refusal_in(delta):
                yield from self.refuse(refusal)
            for call, function in chat_form.calls_in(delta):
                yield from self.call(call, function)
        self._ending = choice.get("finish_reason") or self._ending

    # --- what a subclass says ---

    def begin(self, chunk: Body) -> Iterator[bytes]:
        """The first events, from the first chunk."""
        raise NotImplementedError

    def think(self, text: str) -> Iterator[bytes]:
        raise NotImplementedError

    def say(self, text: str, logprobs: list[Any]) -> Iterator[bytes]:
        raise NotImplementedError

    def refuse(self, text: str) -> Iterator[bytes]:
        raise NotImplementedError

    def call(self, delta: Mapping[str, Any], function: Mapping[str, Any]) -> Iterator[bytes]:
        """A call of a function that begins, or a piece of its arguments."""
        raise NotImplementedError

    def close(self, finish_reason: Any) -> Iterator[bytes]:
        """The last events. Raises ProviderError for a finish reason that is a failure."""
        raise NotImplementedError
