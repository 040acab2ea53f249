"""How an answer that was cut off goes on in the same place, without saying again what is there.

Where the provider continues an assistant's message (`ConnectionKind.prefill`), that stands at the end of the request.
Elsewhere the model is told to go on, and to begin with its last words: by them the seam is found, spaces included.
"""

import re
from typing import Any

from chat.pipeline import Turn
from providers import catalogue, runtime
from providers.catalogue.versioned import Versioned
from providers.errors import GatewayError
from providers.upstream import kinds

TAIL = 400  # characters of the text so far in which the beginning of the new one is looked for
QUOTED = 60  # characters of it that the model is told to begin with, about
LEAST = 8  # bytes that both must have in common
LEAST_AFTER_PREFILL = 24  # where it was not told to repeat anything

INSTRUCTION = """Your answer above was cut off. Go on with it exactly where it stops, in the same language and form. \
Do not apologise, do not explain, do not begin again. Begin by repeating its last words, which are
{tail}
and write on from there."""

_WORD_END = re.compile(r"[A-Za-z0-9]\Z", re.ASCII)
_WORD_START = re.compile(r"[A-Za-z0-9]", re.ASCII)


class PrefillRefusals(Versioned[str, bool]):
    """The public ids of models that refused a request that ended with a message of theirs."""


class Continuation:
    """The request for the rest of an answer, and the seam between the two parts."""

    def __init__(self, turn: Turn, text: str) -> None:
        self.turn = turn
        self.prefills = False
        self._text = text
        self._version = 0
        self._whole: dict[str, Any] = {}
        self._held: str | None = ""  # the beginning of the new text, until the seam is found

    async def begin(self) -> None:
        """Give the request its end. What is wrong with the model, the call itself raises."""
        snapshot = await catalogue.snapshot()
        self._version = snapshot.version
        try:
            route = snapshot.route_for(self.turn.caller, str(self.turn.payload["model"]))
        except GatewayError:
            return self._instruct()
        fits = all(kinds.named(source.connection.kind).prefill for source in route.sources)
        refused = route.public_id in runtime.state(PrefillRefusals).at(snapshot.version)
        if refused or not fits or self.turn.messages[-1].get("role") != "assistant":
            return self._instruct()
        self.prefills = True
        self._whole = self.turn.messages[-1]
        text = str(self._whole["content"]).rstrip()  # Anthropic refuses an end of white space
        self.turn.payload["messages"] = [*self.turn.messages[:-1], {**self._whole, "content": text}]
        return None

    def gives_up(self, error: GatewayError) -> bool:
        """Whether to ask once more with words, because the provider does not continue its own message."""
        if not self.prefills or error.status not in (400, 422):
            return False
        runtime.state(PrefillRefusals).keep(self._version, str(self.turn.payload["model"]), True)
        self.prefills = False
        self.turn.payload["messages"] = [*self.turn.messages[:-1], self._whole]
        self._instruct()
        return True

    def take(self, content: str) -> str:
        """What a piece of the new text adds to the answer."""
        if self._held is None or not content:
            return content
        self._held += content
        tail = self._text[-TAIL:]
        begun = self._held.lstrip()
        if len(begun) < TAIL and any(
            tail.startswith(begun, at) and len(begun) < len(tail) - at for at in range(len(tail))
        ):
            return ""  # it may still be saying what is there
        return self.rest()

    def rest(self) -> str:
        """What was held back, once no more comes or the seam is clear."""
        held, self._held = self._held, None
        if not held:
            return ""
        tail, begun = self._text[-TAIL:], held.lstrip()
        least = LEAST_AFTER_PREFILL if self.prefills else LEAST
        for size in range(min(len(tail), len(begun)), 0, -1):
            if len(begun[:size].encode()) < least:
                break
            if tail.endswith(begun[:size]):
                return begun[size:]
            if tail.rstrip().endswith(begun[:size]):
                return begun[size:].lstrip()
        if tail[-1:].isspace():
            return begun
        apart = not self.prefills and _WORD_END.search(tail) and _WORD_START.match(held)
        return f" {held}" if apart else held

    def _instruct(self) -> None:
        tail = self._text[-QUOTED:]
        words = tail.split(" ", 1)[-1] if len(self._text) > QUOTED else tail
        instruction = INSTRUCTION.format(tail=words.strip())
        self.turn.payload["messages"] = [*self.turn.messages, {"role": "user", "content": instruction}]
