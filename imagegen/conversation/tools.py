"""The tools with which a model draws: `generate_image` and `edit_image`, through the same jobs as the toggle.

While the toggle is on they are not offered: the handler draws before the model is called.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy

from chat import files, history
from chat.loop import in_thread
from chat.models import File
from chat.pipeline import Turn
from chat.tools import Tool, object_schema
from imagegen import access, inputs
from imagegen.conversation import turn_jobs
from imagegen.conversation.handler import FEATURE
from imagegen.image_request import MAX_PROMPT
from imagegen.models import ImageJob
from imagegen.services import JobRequest
from providers import runtime
from providers.catalogue.versioned import Versioned
from providers.errors import BadRequest
from providers.facts import Caller
from providers.sentences import sentence as _

PROMPT = {
    "type": "string",
    "description": "What the picture shows, in English and in one paragraph: subject, setting, composition, light, "
    "style, mood. Keep everything the person asked for.",
}
SIZE = {"type": "string", "description": 'Width and height in pixels, for example "1024x1024". Leave it out usually.'}


class DrawingTool(Tool):
    """Base of both tools."""

    editing: ClassVar[bool]
    feature = FEATURE
    label = gettext_lazy("Creating image")
    done_label = gettext_lazy("Image created")
    failed_label = gettext_lazy("An error occurred while generating an image")

    def may_use(self, caller: Caller) -> bool:
        """Whether the caller may draw (or edit) and has an engine for it; cached for one configuration."""
        key = (caller.user_id, caller.scopes, self.editing)
        return runtime.state(DrawingRights).value_blocking(key, lambda: _may_draw(caller, editing=self.editing))

    async def draw(self, turn: Turn, arguments: Mapping[str, Any], images: Sequence[str]) -> str:
        values = {name: arguments.get(name) for name in ("prompt", "size", "n", "negative_prompt")}
        values["original_prompt"] = turn_jobs.last_words(turn)[:MAX_PROMPT]
        context = await in_thread(_context, turn)
        request = JobRequest(caller=turn.caller, values=values, images=images, context=context)
        job, drawn = await turn_jobs.draw(turn, request)
        return _result(job, drawn, editing=self.editing)


class GenerateImage(DrawingTool):
    name = "generate_image"
    title = gettext_lazy("Draw pictures")
    description = (
        "Draws a new picture and shows it to the person above your answer. Call it whenever they ask for a picture, "
        "a drawing, a photo, a logo or the like."
    )
    parameters: Mapping[str, Any] = object_schema(
        {
            "prompt": PROMPT,
            "size": SIZE,
            "n": {"type": "integer", "minimum": 1, "maximum": 4, "description": "How many pictures. Usually 1."},
            "negative_prompt": {"type": "string", "description": "What must not be seen. Leave it out usually."},
        },
        required=["prompt"],
    )
    editing = False

    async def run(self, turn: Turn, arguments: Mapping[str, Any]) -> str:
        return await self.draw(turn, arguments, ())


class EditImage(DrawingTool):
    name = "edit_image"
    title = gettext_lazy("Change pictures")
    description = (
        "Changes a picture of this conversation, one that the person showed or one that was drawn here, and shows the "
        "result above your answer. Call it whenever they ask for a change to a picture."
    )
    parameters: Mapping[str, Any] = object_schema(
        {
            "prompt": {"type": "string", "description": "What to change and what to keep, in English."},
            "image": {
                "type": ["string", "integer"],
                "description": "Which picture: its id or address, or its number in the conversation, where 1 is the "
                "first and -1 the newest. Without it the newest is changed.",
            },
            "size": SIZE,
        },
        required=["prompt"],
    )
    editing = True

    async def run(self, turn: Turn, arguments: Mapping[str, Any]) -> str:
        name = await in_thread(_chosen, turn, arguments.get("image", -1))
        return await self.draw(turn, arguments, [name])


def _result(job: ImageJob, drawn: Sequence[File], *, editing: bool) -> str:
    """The result of the tool for the model."""
    ids = ", ".join(str(row.pk) for row in drawn)
    what = "The picture was changed" if editing else "The picture was made" if len(drawn) == 1 else "They were made"
    return (
        f"{what} and the person sees it already, above your answer. Its id: {ids}. It was drawn from this prompt: "
        f"{job.prompt}\nSay something short and fitting in the person's language. Do not repeat the prompt, and add no "
        "links or pictures of your own."
    )


def _is_number(text: str) -> bool:
    return text.strip().removeprefix("-").isdigit() and len(text.strip()) < 6


# --- in a thread ------------------------------------------------------------------------------------------------------


class DrawingRights(Versioned[tuple[int, frozenset[str], bool], bool]):
    """Whether a caller may draw or edit, by user id, scopes of the key, and whether it is an edit.

    Needed before every answer of a model that can call functions: without the cache its queries would be most of the
    time that is spent here.
    """


def _may_draw(caller: Caller, *, editing: bool) -> bool:
    return access.may_draw(caller, editing=editing) and bool(access.engines_for(caller, editing=editing))


def _context(turn: Turn) -> files.FileContext:
    return turn_jobs.context_of(turn, turn_jobs.answer_of(turn))


def _chosen(turn: Turn, wanted: object) -> str:
    """The name of a picture of the conversation, by its number, id or address. Raises BadRequest for any other.

    A page or a document that the model has read may tell it what to open, so an address counts only if the person
    wrote it.
    """
    names = _names(turn)
    if isinstance(wanted, str) and not _is_number(wanted):
        by_id: dict[str, str] = {inputs.own_id(name) or name: name for name in names}
        if own := by_id.get(inputs.own_id(wanted) or wanted):
            return own
        if wanted.startswith(("https://", "http://")) and _stands_in_words(turn, wanted):
            return wanted
        raise BadRequest(_("There is no such picture in this conversation."), code="no_picture")
    try:
        number = int(wanted)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        number = 0
    if not names:
        raise BadRequest(_("There is no picture in this conversation that could be edited."), code="no_picture")
    if not 1 <= abs(number) <= len(names):
        message = _("There is no such picture in this conversation; it has %(count)d.") % {"count": len(names)}
        raise BadRequest(message, code="no_picture")
    name: str = names[number - 1 if number > 0 else number]
    return name


def _stands_in_words(turn: Turn, address: str) -> bool:
    own = (message.get("content") for message in turn.messages if message.get("role") == "user")
    return any(address in history.text_of(content) for content in own)


def _names(turn: Turn) -> list[str]:
    """The names of all pictures of the conversation, the oldest first: of its messages, then of this answer."""
    answer = turn_jobs.answer_of(turn)
    branch = history.branch_above(answer) if answer else []
    names = [name for pictures in turn_jobs.pictures_shown(turn, branch) for name in pictures]
    if not names:  # messages that a program sent
        names = [url for message in turn.messages for url in _parts(message)]
    return [*names, *(str(file["url"]) for file in reversed(turn.answer_files) if file.get("type") == "image")]


def _parts(message: Mapping[str, Any]) -> list[str]:
    """The URLs of the pictures among the parts of a program's message."""
    content = message.get("content")
    parts = content if isinstance(content, list) else ()
    images = [part.get("image_url") for part in parts if isinstance(part, dict)]
    urls = [image.get("url") if isinstance(image, dict) else image for image in images]
    return [url for url in urls if isinstance(url, str) and url]
