"""The handler that draws in a chat: one entry of `settings.CHAT_PIPELINE`.

With the feature switched on, a picture is drawn from the person's last text, or the pictures of the conversation are
edited, before the model answers; the model is told the result. An error here does not end the conversation.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_lazy

from chat import files, history
from chat.events import FileData
from chat.files.pictures import sniff
from chat.models import File, Message
from chat.pipeline import Choice, Handler, Option, Starter, Toggle, Turn
from imagegen import access, inputs, jobs, parameters, rows
from imagegen.conversation import prompt, turn_jobs
from imagegen.models import ImageEngine, ImageJob, ImageSettings
from imagegen.services import JobRequest
from providers import http, stored_errors
from providers.authentication import user_of
from providers.errors import BadRequest, CallerError, Forbidden, GatewayError
from providers.facts import Caller
from providers.process import outages, waiting
from providers.sentences import sentence as _

FEATURE = "image_generation"
MODES = ("auto", "create", "edit")
# Pictures of so many messages are edited, the newest; docs/upstreams/compatibility.md, “Images in the conversation”.
SETS = 2
MODE = Option(
    "mode",
    gettext_lazy("What to do"),
    (
        Choice("", gettext_lazy("Auto"), gettext_lazy("Edits the pictures of the chat, or draws a new one")),
        Choice("create", gettext_lazy("New picture"), gettext_lazy("Draws a new picture from your words")),
        Choice("edit", gettext_lazy("Edit"), gettext_lazy("Changes the latest pictures of the chat")),
    ),
)
SHAPE = Option(
    "shape",
    gettext_lazy("Shape"),
    (
        Choice("", gettext_lazy("Automatic")),
        Choice("1:1", gettext_lazy("Square")),
        Choice("3:2", gettext_lazy("Landscape")),
        Choice("2:3", gettext_lazy("Portrait")),
        Choice("16:9", gettext_lazy("Wide")),
        Choice("9:16", gettext_lazy("Tall")),
    ),
    is_row=True,
)
COUNT = Option(
    "n",
    gettext_lazy("How many pictures"),
    (Choice("", "1"), *(Choice(str(count), str(count)) for count in range(2, 5))),
    is_row=True,
)
FETCH = http.Limits(connect=10, first_byte=30, idle=30, total=120)


class ImageHandler(Handler):
    name = FEATURE
    toggle = Toggle(
        label=gettext_lazy("Picture"),
        icon="image",
        starter=Starter(
            "image",
            gettext_lazy("Draw a picture"),
            gettext_lazy("a lighthouse in the evening light"),
            gettext_lazy("A lighthouse on a cliff in warm evening light, calm sea, painted in watercolour"),
            feature=FEATURE,
        ),
    )
    page_part = "images/_conversation.html"
    page_script = "images/conversation"

    def may_use(self, caller: Caller) -> bool:
        return access.may_draw(caller)

    def toggle_for(self, caller: Caller) -> Toggle | None:
        """The chip, with choices of shape and count, of mode if this person may edit pictures, and of engine if there
        are several.
        """
        try:
            image_settings = access.check_may_draw(caller)
        except Forbidden:
            return None
        options, engines = [], access.engines_for(caller)
        if image_settings.edit_enabled and any(row.serves(editing=True) for row in engines):
            options.append(MODE)
        options += [SHAPE, COUNT]
        if len(engines) > 1:
            named = [Choice(str(row.pk), row.name) for row in engines]
            options.append(Option("engine", _("Engine"), (Choice("", _("Automatic")), *named)))
        return replace(self.toggle, options=tuple(options))

    async def handle(self, turn: Turn) -> None:
        await turn.emit("status", {"description": _("Creating image"), "done": False})
        editing = False
        try:
            request, image_settings = await waiting.in_own_thread(_read, turn)
            editing = bool(request.images)
            if image_settings.prompt_generation and not editing:
                request = await _improved(turn, request, template=image_settings.prompt_template)
            job, _files = await turn_jobs.draw(turn, request)
        except GatewayError as error:
            if error.code == outages.RESTARTING:
                raise
            await self._report(turn, error, editing=editing)
            return
        await turn.emit("status", {"description": _("Image created"), "done": True, "prompt": job.prompt})
        turn.add_context(_context(job, editing=editing))
        if image_settings.after_picture == ImageSettings.AfterPicture.PICTURE:
            turn.finish()

    @staticmethod
    async def _report(turn: Turn, error: GatewayError, *, editing: bool) -> None:
        """Tell the person in a status line, and the model in its context, why there is no picture."""
        await turn.emit(
            "status",
            {
                "description": _("An error occurred while generating an image"),
                "done": True,
                "error": True,
                "detail": stored_errors.in_full(error.message_body(), for_admin=turn.request.caller.is_admin),
            },
        )
        what = "edit the picture" if editing else "make a picture"
        turn.add_context(
            f"The person asked this site to {what}, and that failed. No picture is shown. The reason was: "
            f"{error.reason} Tell them so in their own language and, if the reason suggests one, what they "
            "could do."
        )

    async def receive_pictures(self, turn: Turn, urls: Sequence[str]) -> bool:
        """Store pictures that the chat model sent, and add them to its answer."""
        rows = [row for url in urls if (row := await waiting.in_own_thread(_store, turn, url)) is not None]
        if rows:
            await turn.add_files([jobs.event_file(row) for row in rows])
        return bool(rows)

    async def keep_picture(self, turn: Turn, url: str) -> FileData | None:
        row = await waiting.in_own_thread(_store, turn, url)
        return None if row is None else jobs.event_file(row)


async def _improved(turn: Turn, request: JobRequest, *, template: str) -> JobRequest:
    """The request with the prompt that the task model makes of the conversation."""
    words = request.values["prompt"]
    messages = [message for message in turn.messages if message["role"] in ("user", "assistant")]
    better = await prompt.improve(turn.caller, str(turn.payload["model"]), messages, words, template=template)
    original = words if words != better else ""
    return replace(request, values={**request.values, "prompt": better, "original_prompt": original})


def _context(job: ImageJob, *, editing: bool) -> str:
    done = "edited the picture that the person showed" if editing else "made the picture that the person asked for"
    return (
        f"This site has just {done} and shows it above your answer. It was drawn from this prompt: {job.prompt} "
        "Say something short and fitting about it in the person's language. Do not describe how to make pictures, "
        "do not repeat the prompt and do not add links or pictures of your own."
    )


# --- in a thread ------------------------------------------------------------------------------------------------------


def _read(turn: Turn) -> tuple[JobRequest, ImageSettings]:
    """The turn's picture request, and the settings. Raises Forbidden, BadRequest (no picture to edit), NotFound."""
    asked = turn.features.get(FEATURE)
    options: Mapping[str, Any] = asked if isinstance(asked, Mapping) else {}
    mode = str(options.get("mode") or "auto")
    if mode not in MODES:
        raise BadRequest(_("The mode must be auto, create or edit."), param="features")
    image_settings = access.check_may_draw(turn.caller, editing=mode == "edit")
    answer = turn_jobs.answer_of(turn)
    engine = str(options.get("engine") or "")
    images: Sequence[object] = ()
    if mode != "create" and (given := options.get("image") or options.get("images")):
        images = given if isinstance(given, list) else [given]
    elif mode == "edit" or (
        mode == "auto" and image_settings.edit_enabled and access.engines_for(turn.caller, editing=True)
    ):
        images = _pictures_shown(turn, history.branch_above(answer) if answer else [])
        if images:
            most = _most_inputs(turn.caller, image_settings, engine, str(options.get("model") or ""))
            images = images[: most if mode == "auto" else max(most, 1)]
    if mode == "edit" and not images:
        raise BadRequest(_("There is no picture in this conversation that could be edited."), code="no_picture")
    named = _engine_named(turn.caller, engine, editing=bool(images))
    row = access.engine_for(turn.caller, image_settings, name=named, editing=bool(images))
    chosen = _chosen(row, options, editing=bool(images), is_own=named == engine)
    request = JobRequest(
        caller=turn.caller,
        values={"prompt": turn_jobs.last_words(turn), "engine": named, **chosen},
        images=images,
        mask=options.get("mask") if images else None,
        context=turn_jobs.context_of(turn, answer),
    )
    return request, image_settings


def _chosen(row: ImageEngine, options: Mapping[str, Any], *, editing: bool, is_own: bool) -> dict[str, Any]:
    """Count, size, model and parameters as the chip chose them; the last two are for the chosen engine alone.

    Parameters that mean nothing for an edit, or for a new picture, are left out: which it becomes is decided here.

    Raises BadRequest for what is none.
    """
    values = {name: options[name] for name in ("n", *(("model", "params") if is_own else ())) if options.get(name)}
    if isinstance(params := values.get("params"), Mapping):
        values["params"] = parameters.meant(row.kind, params, editing=editing)
    if shape := options.get("shape"):
        values["size"] = rows.size_of_shape(row, shape, str(values.get("model") or ""))
    return values


def _engine_named(caller: Caller, name: str, *, editing: bool) -> str:
    """The chosen engine's name; empty, which means the default one, where the chosen one does not serve the purpose."""
    chosen = next((row for row in access.engines_for(caller) if str(row.pk) == name), None) if name else None
    return "" if chosen and not chosen.serves(editing=editing) else name


def _most_inputs(caller: Caller, image_settings: ImageSettings, engine: str, model: str) -> int:
    """The maximum of input pictures for the editing engine, 0 where the chosen model edits none. Named ones beyond it
    are refused, others left out.
    """
    named = _engine_named(caller, engine, editing=True)
    row = access.engine_for(caller, image_settings, name=named, editing=True)
    can = rows.engine_of(row).capabilities(rows.config_of(row), model if named == engine else "")
    return can.max_inputs if can.edit else 0


def _pictures_shown(turn: Turn, branch: Sequence[Message]) -> list[File]:
    """All pictures of the newest `SETS` messages that have some, the newest message's first."""
    user, images = user_of(turn.caller), list[File]()
    for names in turn_jobs.pictures_shown(turn, branch)[: -SETS - 1 : -1]:
        for name in names:
            try:
                images += inputs.files_of(user, [name])
            except CallerError:
                continue  # deleted since, or not the person's: the others are edited
    return images


def _store(turn: Turn, url: str) -> File | None:
    """The picture at a data URL or an address, stored; None for what is no picture or cannot be had."""
    try:
        if url.startswith("data:"):
            content = base64.b64decode(url.partition(",")[2], validate=False)
        else:
            most = min(inputs.MAX_BYTES, turn.picture_allowance.room)
            content, _type = http.fetch(url, limits=replace(FETCH, max_bytes=most), reach=http.Reach.PUBLIC)
            turn.picture_allowance.size += len(content)
        if not sniff(content):
            return None
        provenance = {"model": str(turn.payload.get("model", "")), "by": "chat model"}
        context = replace(turn_jobs.context_of(turn, turn_jobs.answer_of(turn)), provenance=provenance)
        row = files.accept(user_of(turn.caller), content, name="picture", context=context)
    except (GatewayError, binascii.Error):
        return None
    return row if row.is_picture else None
