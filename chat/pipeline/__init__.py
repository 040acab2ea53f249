"""The chat's pipeline: what happens between a person's message and the model. A list of dotted paths, like middleware.

`settings.CHAT_PIPELINE` names handler classes in the order in which they work. To add one, write a subclass of
`Handler` anywhere and put its path in the list; nothing else changes::

    class Weather(Handler):
        name = "weather"                                             # also the key in the request's `features`
        toggle = Toggle(label=_("Weather"), icon="cloud-sun")        # a chip in the composer; None = always on

        def may_use(self, caller): return caller.is_admin            # may read the database

        async def handle(self, turn):
            await turn.emit("status", {"description": _("Looking outside"), "done": False})
            turn.add_context(_("It is raining."))                    # told to the model, not shown
            await turn.emit("status", {"description": _("Looked outside"), "done": True})

A toggle may ask more with `options`: what is chosen arrives as `turn.features["weather"] == {"unit": "celsius"}`, and
`True` stands for a chip that is merely pressed. `page_part` and `page_script` bring what only a page can do.

`before_model` sees the messages as the model will read them, and may refuse the turn; `after_answer` sees the answer.

A handler works on a `Turn` and on nothing else, so it serves replies in the browser and `POST /api/chat/completions`
alike. A handler with a toggle runs only when the request switches it on and the person may use it. Attached files are
`files` of their messages until all handlers have run, so that `content` is what the person wrote. What handlers before
it made, such as a drawn picture, is in `turn.metadata["files"]`. An exception in a handler never ends the conversation:
it becomes a status line, and the model is called all the same.
"""

from chat.pipeline.base import Choice, Handler, Option, Starter, Toggle
from chat.pipeline.completion_request import CompletionRequest
from chat.pipeline.runner import end_answer, handlers, keep_picture, receive_pictures, run, toggles_for
from chat.pipeline.turn import Turn

__all__ = [
    "Choice",
    "CompletionRequest",
    "Handler",
    "Option",
    "Starter",
    "Toggle",
    "Turn",
    "end_answer",
    "handlers",
    "keep_picture",
    "receive_pictures",
    "run",
    "toggles_for",
]
