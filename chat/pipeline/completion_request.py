"""The request for a completion: one object, built where a request comes in and passed down to the pipeline.

A message takes six forms between its POST and the end of the stream. Each step names what makes the next form:

1. HTTP body → `CompletionRequest`, after a serializer's check: `chat.api.completion_request`
2. `CompletionRequest` → `Exchange`, the rows of question and answer: `chat.exchanges.add_message`
3. `CompletionRequest` and the branch above the answer → `Turn`, which handlers see: `chat.pipeline.turn.Turn`
4. `Turn` → `RelayRequest`, one call of the model, whose body is sent: `chat.pipeline.turn.Turn.relay_request`
5. the provider's bytes → `Piece`, what one frame adds to the answer: `chat.answers.reader.read`
6. `Piece`, gathered in an `AnswerDraft` → `CompletionData`, an event for the sockets:
   `chat.runs.draft.AnswerDraft.take_unsent`

Programs come in at `POST /api/chat/completions` with messages of their own: `chat.completions.views` builds the same
object. Without a chat, steps 2, 5 and 6 fall away: the provider's bytes go straight to the client.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chat.pipeline import instructions
from chat.pipeline.instructions import Instructions
from providers.facts import Caller


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A request for an answer, with its caller. Immutable: a step that knows more makes a new one with
    `dataclasses.replace`.

    `messages` are OpenAI messages, each perhaps with `files` of ours; None stands for the stored branch, which is read
    when the answer begins. `params` are the other members of OpenAI's body.
    """

    caller: Caller
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)  # for connections that forward them
    model: str = ""  # public id; "" = the usual one
    once: bool = False  # the model is for this answer alone: the next one has the model that the chat has
    models: tuple[str, ...] = ()  # public ids of several that answer side by side, instead of `model`
    messages: Sequence[dict[str, Any]] | None = field(default=None, repr=False)
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    features: Mapping[str, Any] = field(default_factory=dict)  # toggles of handlers, by name
    # Those of a stored chat are read when the answer begins.
    instructions: Instructions = instructions.NONE
    files: Sequence[Mapping[str, Any]] = ()  # of the last question
    files_expire_at: datetime | None = None  # of files made for the answer; None: they stay
    chat_id: str = ""
    message_id: str = ""  # of the answer
    session_id: str = ""
    is_stored: bool = False  # `messages` are those of a stored branch, as `history` gives them
    continues: bool = False  # the last message is the answer itself so far, which goes on in the same place
    instruction: str = ""  # added to the last question for this answer alone

    @property
    def user_id(self) -> int:
        return self.caller.user_id

    @property
    def has_messages(self) -> bool:
        """Whether a program sent the conversation with the request, instead of naming a stored one."""
        return self.messages is not None
