"""Assistants: models that people make of others, with a name, a picture, a system prompt and files of their own.

Each is a preset of the gateway (`providers.models.ChatModel`, `needs_base`), so it is chosen and called like any model,
also at `/v1`; what only chats need is a row of ours (`chat.models.Assistant`).

An assistant opens nothing. Whoever calls it needs access to it and to the model that it is made of (`Route.needs`), and
its calls are recorded, priced and held against budgets as calls of that model (`Route.counted_as`). So:

- the base is switched off, or no longer open to somebody: the assistant is not there for them until it is again
- the base is deleted: the assistant stays with its owner, who gives it another base
- its owner is switched off: what is shared goes on working. The account is deleted: private ones go with it, shared
  ones stay without an owner, for administrators; their files go, as they are the person's
- somebody leaves a group: they lose what was shared with it, and keep what they own
- a fallback answers: with the assistant's prompt and parameters, if the caller may use that model
- assistants are made of models and of administrators' presets, never of other assistants

services.py  the verbs
pictures.py  a small picture of what was uploaded
values.py    the values of an assistant as they come in, checked
handler.py   what an answer gets besides system prompt and parameters: files and tools
starters.py  the suggestions on the page of a new chat
api.py       JSON; views.py  the pages below the settings
"""

from chat.assistants.handler import AssistantHandler

__all__ = ["AssistantHandler"]
