"""Pictures inside the conversation: one entry of `settings.CHAT_PIPELINE` (R65–R78).

With the feature switched on, the last thing the person said is drawn, or what they showed is edited, before the model
answers; the model is told what came of it. Nothing that goes wrong here ends the conversation.
"""

import asyncio
import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chat import access as chat_access
from chat import files, history
from chat.loop import in_thread
from chat.models import File, Message
from chat.pipeline import Handler, Toggle, Turn
from imagegen import access, inputs, jobs, prompt, services
from imagegen.jobs import Watch
from imagegen.models import ImageJob, ImageSettings
from providers import http
from providers.errors import BadRequest, CallerError, Forbidden, GatewayError
from providers.facts import Caller

FEATURE = "image_generation"
MODES = ("auto", "create", "edit")
SETS = 2  # of how many messages, the newest first, pictures are edited (R70)
FETCH = http.Limits(connect=10, first_byte=30, idle=30, total=120, max_bytes=inputs.MAX_BYTES)


@dataclass(frozen=True, slots=True)
class Wish:
    """What this turn wants drawn, read from the conversation."""

    words: str
    messages: Sequence[Mapping[str, Any]]
    pictures: tuple[File, ...]
    mask: File | None
    mode: str
    engine: str
    place: services.Place
    switches: ImageSettings
    user: Any

    @property
    def editing(self) -> bool:
        return bool(self.pictures)


class ImageHandler(Handler):
    name = FEATURE
    toggle = Toggle(label=gettext_lazy("Picture"), icon="image")

    def may_use(self, caller: Caller) -> bool:
        """The one gate of `access`: switched on, and permitted to this person."""
        return caller.may("images") and access.may_draw(_user(caller))

    async def handle(self, turn: Turn) -> None:
        await turn.emit("status", {"description": _("Creating image"), "done": False})
        editing = False
        try:
            wish = await in_thread(_read, turn)
            editing = wish.editing
            job = await self._draw(turn, wish)
            found = await in_thread(services.finished_files, job)
        except GatewayError as error:
            await self._say_why(turn, error, editing=editing)
            return
        await turn.add_files([_event_file(row) for row in found])
        await turn.emit("status", {"description": _("Image created"), "done": True, "prompt": job.prompt})
        turn.add_context(_context(job, editing=editing))
        if wish.switches.after_picture == ImageSettings.AfterPicture.PICTURE:
            turn.finish()

    async def _draw(self, turn: Turn, wish: Wish) -> ImageJob:
        words = wish.words
        if wish.switches.prompt_generation and not wish.editing:
            words = await prompt.improve(
                turn.caller,
                str(turn.payload["model"]),
                wish.messages,
                wish.words,
                template=wish.switches.prompt_template,
            )
        values = {"prompt": words, "engine": wish.engine, "original_prompt": wish.words if words != wish.words else ""}
        job, _new = await in_thread(
            services.request_images, wish.user, values, images=wish.pictures, mask=wish.mask, place=wish.place
        )
        try:
            await self._watch(turn, job)
        except asyncio.CancelledError:
            await asyncio.shield(in_thread(jobs.cancel, job))  # somebody stopped the reply: the engine stops too
            raise
        return await in_thread(jobs.wait_for, job)

    @staticmethod
    async def _watch(turn: Turn, job: ImageJob) -> None:
        """Tell the job's moves as status events until it ends."""
        watch = jobs.watch(job.pk)
        if watch is None:
            return
        loop, moves = asyncio.get_running_loop(), asyncio.Queue[tuple[str, dict[str, Any]]]()
        _listen(watch, loop, moves)
        while not (watch.ended.is_set() and moves.empty()):
            try:
                kind, data = await asyncio.wait_for(moves.get(), 1.0)
            except TimeoutError:
                continue
            if kind == "end":
                return
            if kind == "progress":
                await turn.emit("status", {"description": _("Creating image"), "done": False, **_progress(data)})
            elif kind == "notice":
                await turn.emit("status", {"description": data["text"], "done": True})

    @staticmethod
    async def _say_why(turn: Turn, error: GatewayError, *, editing: bool) -> None:
        reason = error.provider or error.message
        await turn.emit(
            "status",
            {
                "description": _("An error occurred while generating an image"),
                "done": True,
                "error": True,
                "detail": reason if reason == error.message else f"{error.message} {reason}",
            },
        )
        what = "edit the picture" if editing else "make a picture"
        turn.add_context(
            f"The person asked this site to {what}, and that failed. No picture is shown. The reason was: {reason} "
            "Tell them so in their own language and, if the reason suggests one, what they could do."
        )

    async def receive_pictures(self, turn: Turn, urls: Sequence[str]) -> bool:
        """Store pictures that the chat model itself sent, and show them with its answer."""
        kept = [row for url in urls if (row := await in_thread(_keep, turn, url)) is not None]
        if kept:
            await turn.add_files([_event_file(row) for row in kept])
        return bool(kept)


def _listen(watch: Watch, loop: asyncio.AbstractEventLoop, moves: "asyncio.Queue[tuple[str, dict[str, Any]]]") -> None:
    def hear(kind: str, data: dict[str, Any]) -> None:
        loop.call_soon_threadsafe(moves.put_nowait, (kind, data))

    watch.listen(hear)
    if watch.ended.is_set():
        moves.put_nowait(("end", {}))


def _progress(data: Mapping[str, Any]) -> dict[str, Any]:
    names = {"fraction": "progress", "step": "step", "total": "total", "queue": "queue", "preview": "preview"}
    return {shown: data[name] for name, shown in names.items() if data.get(name) is not None}


def _context(job: ImageJob, *, editing: bool) -> str:
    done = "edited the picture that the person showed" if editing else "made the picture that the person asked for"
    return (
        f"This site has just {done} and shows it above your answer. It was drawn from this prompt: {job.prompt} "
        "Say something short and fitting about it in the person's language. Do not describe how to make pictures, "
        "do not repeat the prompt and do not add links or pictures of your own."
    )


# --- in a thread ------------------------------------------------------------------------------------------------------


def _user(caller: Caller) -> Any:
    return get_user_model()._default_manager.get(pk=caller.user_id)


def _read(turn: Turn) -> Wish:
    """What is wanted. Raises Forbidden (the gate), BadRequest (nothing said, nothing to edit)."""
    user = _user(turn.caller)
    if not turn.caller.may("images"):
        raise Forbidden(_("This API key was not made for pictures."), code="insufficient_scope")
    asked = turn.features.get(FEATURE)
    options: Mapping[str, Any] = asked if isinstance(asked, Mapping) else {}
    mode = str(options.get("mode") or "auto")
    if mode not in MODES:
        raise BadRequest(_("The mode must be auto, create or edit."), param="features")
    switches = access.check_may_draw(user, editing=mode == "edit")
    answer = Message.objects.select_related("chat").filter(pk=chat_access.as_uuid(turn.message_id)).first()
    branch = history.branch_above(answer) if answer else []
    named = options.get("image") or options.get("images")
    pictures: list[File] = []
    if named:
        pictures = inputs.files_of(user, named)
    elif mode == "edit" or (mode == "auto" and switches.edit_enabled):
        pictures = _pictures_shown(user, turn, branch)
    if mode == "edit" and not pictures:
        raise BadRequest(_("There is no picture in this conversation that could be edited."), code="no_picture")
    mask = inputs.files_of(user, options["mask"], param="mask")[0] if options.get("mask") and pictures else None
    words = next((text for one in reversed(turn.messages) if one["role"] == "user" and (text := _first_text(one))), "")
    place = services.Place(chat=answer.chat if answer else None, message=answer, session_id=str(turn.session_id or ""))
    return Wish(
        words=words,
        messages=[one for one in turn.messages if one["role"] in ("user", "assistant")],
        pictures=tuple(pictures if mode != "create" else ()),
        mask=mask,
        mode=mode,
        engine=str(options.get("engine") or ""),
        place=place,
        switches=switches,
        user=user,
    )


def _first_text(message: Mapping[str, Any]) -> str:
    return history.text_of(message.get("content")).strip()


def _pictures_shown(user: Any, turn: Turn, branch: Sequence[Message]) -> list[File]:
    """All pictures of the newest two messages that have some, in their order (R70); files of type `file` count too."""
    shown: list[Sequence[Mapping[str, Any]]] = [one.files for one in branch]
    if not branch:
        shown = [one["files"] for one in turn.messages if isinstance(one.get("files"), list)]
        if turn.files:
            shown.append(turn.files)
    sets = [names for one in reversed(shown) if (names := [_name(entry) for entry in one if _is_picture(entry)])]
    found: list[File] = []
    for names in sets[:SETS]:
        for name in names:
            try:
                found += inputs.files_of(user, name)
            except CallerError:
                continue  # deleted since, or not theirs: what is left is edited
    return found


def _is_picture(entry: Mapping[str, Any]) -> bool:
    return entry.get("type") == "image" or str(entry.get("content_type", "")).startswith("image/")


def _name(entry: Mapping[str, Any]) -> str:
    return str(entry.get("url") or entry.get("id") or "")


def _keep(turn: Turn, url: str) -> File | None:
    """A picture that the model sent, stored; None when it is none."""
    try:
        if url.startswith("data:"):
            content = base64.b64decode(url.partition(",")[2], validate=False)
        else:
            content, _type = http.fetch(url, limits=FETCH, reach=http.Reach.PUBLIC)
        answer = Message.objects.select_related("chat").filter(pk=chat_access.as_uuid(turn.message_id)).first()
        link = files.Link(
            chat=answer.chat if answer else None,
            message=answer,
            session_id=str(turn.session_id or ""),
            provenance={"model": str(turn.payload.get("model", "")), "by": "chat model"},
        )
        row = files.accept(_user(turn.caller), content, name="picture", link=link)
    except (GatewayError, binascii.Error):
        return None
    return row if row.is_picture else None


def _event_file(row: File) -> Any:
    shown = files.file_json(row)
    return {
        name: shown[name] for name in ("type", "url", "id", "name", "content_type", "width", "height", "provenance")
    }
