"""Tags and filters for templates."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape, format_html, format_html_join, json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chat import chat_settings, file_addresses, markdown
from chat.answers.usage import cached_of
from chat.events import step_text
from chat.models import Chat, Message
from chat.pages.queries import ThreadEntry
from chat.search import Excerpt
from chat.templatetags import buttons
from chat.websearch import endpoint
from providers import stored_errors
from providers.facts import Route
from providers.models import Connection

register = template.Library()
register.simple_tag(buttons.icon)
register.simple_tag(buttons.icon_button)
register.simple_tag(buttons.text_button)
register.filter("step_text", step_text)
# The modules that the chat page imports: listed in the page, so that the browser fetches all of them at once.
CHAT_MODULES = (
    *(f"chat/{name}" for name in ("actions", "attachments", "composer", "follow-ups", "options", "picker", "queue")),
    *(f"chat/{name}" for name in ("receipts", "replies", "scroll", "share", "sidebar", "sources", "status", "thread")),
    *(f"chat/{name}" for name in ("composing/pastes", "composing/suggest", "order/marks", "rules/panel")),
    *(f"chat/markdown/{name}" for name in ("code", "emphasis", "footnotes", "formulas", "links", "maths")),
    "chat/longer/gauge",
    "chat/markdown/render",
    *(f"common/{name}" for name in ("api", "budget", "clipboard", "cookies", "dom", "file-drop", "grow", "ids")),
    "common/install",
    *(f"common/{name}" for name in ("rounds", "shortcuts", "socket", "text", "theme", "toast", "told", "upload")),
)
# Files that the dialog for attachments offers: types, and suffixes of texts without a type of their own.
ATTACHABLE_TYPES = (
    *(f"image/{kind}" for kind in ("png", "jpeg", "webp", "gif", "avif", "bmp", "tiff")),
    *("application/pdf", "application/json", "text/*"),
    *(f"audio/{kind}" for kind in ("mpeg", "mp4", "wav", "ogg", "webm", "flac")),
)
ATTACHABLE_TEXTS = """
md csv tsv json jsonl log yaml yml toml ini cfg conf env xml html htm svg css scss js mjs ts tsx jsx vue py ipynb rb php
java kt swift scala c h cpp hpp cs go rs lua pl r jl sh bat ps1 sql tex bib rst srt vtt diff patch eml
"""
# Suffixes of documents whose text is read.
ATTACHABLE_DOCUMENTS = ["docx", "docm", "dotx", "xlsx", "xlsm", "xltx", "pptx", "pptm", "ppsx", "msg"]
LONG_QUESTION, LONG_QUESTION_LINES = 1_000, 14  # characters and lines of a question that is shown unfolded
register.filter("markdown", markdown.to_html)
register.filter("cached_tokens", cached_of)


@register.simple_block_tag
def table(content: SafeString, *names: str, hidden: str = "", classes: str = "rows") -> SafeString:
    """A table around its rows; `hidden` names a last column for screen readers alone."""
    columns = format_html_join("", '<th scope="col">{}</th>', ((name,) for name in names))
    last = format_html('<th scope="col"><span class="visually-hidden">{}</span></th>', hidden) if hidden else ""
    head = format_html("<thead><tr>{}{}</tr></thead>", columns, last)
    return format_html('<table class="{}">{}<tbody>{}</tbody></table>', classes, head, content)


@register.simple_tag
def fact(name: str, value: Any) -> SafeString:
    """A line of a list of facts; nothing for an empty value."""
    return format_html("<dt>{}</dt><dd>{}</dd>", name, value) if value not in (None, "") else SafeString()


@register.simple_tag
def demo_badge(more: str = "") -> SafeString:
    """The mark of what comes without a provider; `more` is a further class."""
    return format_html('<span class="{}">{}</span>', f"badge badge-warn {more}".strip(), _("Demo"))


@register.simple_tag
def model_attributes(model: Route | None) -> SafeString:
    """Attributes of a model for scripts: its id, whether it sees pictures, how many tokens it reads at once (empty: not
    known).
    """
    if not model:
        return SafeString(' data-model="" data-vision="" data-length=""')
    vision = "" if model.vision is None else str(model.vision).lower()
    length = model.context_length or ""
    return format_html(' data-model="{}" data-vision="{}" data-length="{}"', model.public_id, vision, length)


@register.simple_tag
def rules_attributes(chat: Chat | None) -> SafeString:
    """A chat's own rules as an attribute for scripts."""
    return format_html('data-rules="{}"', json.dumps(chat.rules if chat else {}))


@register.simple_tag
def chat_title(chat: Chat | None, temporary_id: str = "") -> str:
    """The title of a chat, or a placeholder."""
    if temporary_id:
        return _("Temporary chat")
    return (chat.title if chat else "") or _("New chat")


@register.simple_tag
def styles(*names: str) -> SafeString:
    """The style sheets of a page, `{% styles "chat/thread" "chat/prose" %}`."""
    addresses = ((static(f"css/{name}.css"),) for name in names)
    return format_html_join("\n", '<link rel="stylesheet" href="{}">', addresses)


@register.simple_tag
def htmx_config() -> SafeString:
    """htmx's settings: without what our content policy bars, and without what it would do besides following links."""
    settings = {
        **dict.fromkeys(("allowEval", "allowScriptTags", "includeIndicatorStyles", "scrollIntoViewOnBoost"), False),
        "historyCacheSize": 0,
        "attributesToSettle": [],
    }
    return format_html('<meta name="htmx-config" content="{}">', json.dumps(settings))


@register.simple_tag
def preload_modules() -> SafeString:
    return module_preloads(CHAT_MODULES)


def module_preloads(names: Iterable[str]) -> SafeString:
    """A link for each script module of a page, so that the browser fetches them all at once."""
    addresses = ((static(f"js/{name}.js"),) for name in names)
    return format_html_join("\n", '<link rel="modulepreload" href="{}">', addresses)


@register.simple_tag
def module_script(name: str) -> SafeString:
    return format_html('<script type="module" src="{}"></script>', static(f"js/{name}.js"))


@register.simple_tag(takes_context=True)
def logo(context: Any) -> str:
    """The URL of the site's logo; of the default logo if there is none, or if it cannot be known (error page 500)."""
    site = context.get("SITE")
    return (site and site.logo_url) or static("logo.svg")


@register.simple_tag(takes_context=True)
def app_icon(context: Any) -> str:
    """The URL of the icon of an installed app, for devices that take no drawing."""
    site = context.get("SITE")
    return site.logo_url if site and site.logo else static("app/icon-192.png")


@register.filter
def when(moment: datetime) -> str:
    """A time: `14:03` today, with the date on earlier days."""
    local = timezone.localtime(moment)
    today = timezone.localdate()
    if local.date() == today:
        return date_format(local, "H:i")
    return date_format(local, _("j M, H:i") if local.year == today.year else _("j M Y, H:i"))


@register.filter
def marked(excerpt: Excerpt) -> SafeString:
    """The part of a text that a search found, with what matches marked."""
    pieces = (format_html("<mark>{}</mark>", text) if matches else text for text, matches in excerpt.parts)
    return format_html_join("", "{}", ((piece,) for piece in pieces))


@register.filter
def seconds(milliseconds: int | None) -> str:
    """`0.42 s`; nothing for what was not measured."""
    return "" if milliseconds is None else _("%(seconds)s s") % {"seconds": f"{milliseconds / 1000:.2f}"}


@register.filter
def thoughts(message: Message) -> str:
    """The heading above a model's reasoning: `Thought for 4 s`, as in static/js/chat/replies.js."""
    if message.reasoning_ms is None:
        return _("Thoughts")
    return _("Thought for {n} s").replace("{n}", str(max(1, round(message.reasoning_ms / 1000))))


@register.filter
def answer(entry: ThreadEntry) -> SafeString:
    """The content of an answer as HTML; plain text if only its beginning is shown."""
    content = entry.message.content
    if entry.is_cut or not content:
        return conditional_escape(content)
    return markdown.to_html(content, f"{entry.message.pk}-")


@register.filter
def reasoning(entry: ThreadEntry) -> SafeString:
    """The thoughts of a model as HTML, their headings as steps; as `replies.js` draws them while they come."""
    text = entry.message.reasoning
    if entry.is_cut or not text:
        return conditional_escape(text)
    return markdown.to_html(text, f"t-{entry.message.pk}-", as_steps=True)


@register.filter
def is_long(text: str) -> bool:
    """Whether a question is folded to a few lines."""
    return len(text) > LONG_QUESTION or text.count("\n") >= LONG_QUESTION_LINES


@register.filter
def pictures(files: list[Any]) -> list[dict[str, Any]]:
    return [file for file in files if isinstance(file, dict) and file.get("type") == "image"]


@register.filter
def documents(files: list[Any]) -> list[dict[str, Any]]:
    return [file for file in files if isinstance(file, dict) and file.get("type") != "image"]


@register.filter
def version(entry: ThreadEntry) -> str:
    """A value that changes whenever a message has to be rendered anew."""
    message = entry.message
    row = entry.compared_row
    picked = f"{entry.is_column}{row.is_picked if row else ''}" if entry.compared else ""
    marks = f"{entry.rating}/{entry.summary.pk if entry.summary else ''}/{picked}"
    return f"{message.saved.timestamp()}/{message.status}/{entry.number}/{len(entry.branches)}/{marks}"


@register.filter
def comparison_version(entry: ThreadEntry) -> str:
    """A value that changes whenever what stands around the columns has to be rendered anew."""
    columns = (f"{column.message.pk}{column.message.is_running}" for column in entry.columns)
    return "/".join((str(entry.message.pk), *columns))


@register.filter
def may_merge(entry: ThreadEntry) -> bool:
    """Whether the answers that stand side by side can be merged: all are over, and two have words."""
    messages = [column.message for column in entry.columns]
    return not any(row.is_running for row in messages) and sum(bool(row.content.strip()) for row in messages) > 1


@register.simple_tag
def as_json(value: Any) -> str:
    """A value as JSON, for a `data-` attribute."""
    return conditional_escape(json.dumps(value, ensure_ascii=False))


@register.simple_tag
def attachable() -> str:
    """The files that the browser's dialog offers, as `accept` wants them; the server looks at what they are."""
    return ",".join(
        (*ATTACHABLE_TYPES, *(f".{suffix}" for suffix in (*ATTACHABLE_TEXTS.split(), *ATTACHABLE_DOCUMENTS)))
    )


@register.filter
def notices(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The status lines that are notices to the person."""
    return [step for step in history if step.get("notice")]


@register.filter
def steps(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The other status lines: the steps of the answer."""
    return [step for step in history if not step.get("notice")]


@register.simple_tag
def made_by(provenance: dict[str, Any] | None) -> list[str]:
    """The provenance of a picture, in lines: the prompt if it was improved; engine, model, seed. As in `status.js`."""
    made = provenance or {}
    improved = made.get("revised_prompt") or (made.get("original_prompt") and made.get("prompt"))
    facts = [made.get("engine"), made.get("model")]
    if made.get("seed") not in (None, ""):
        facts.append(_("seed {n}").replace("{n}", str(made["seed"])))
    lines = [_("Drawn as: {prompt}").replace("{prompt}", improved) if improved else "", " · ".join(filter(None, facts))]
    return [line for line in lines if line]


@register.simple_tag
def read_by(error: dict[str, Any] | None, user: Any) -> dict[str, Any] | None:
    """A stored error, worded for this reader in the language of the page."""
    return stored_errors.worded(error, for_admin=user.is_superuser)


@register.simple_tag(takes_context=True)
def connection_address(context: Any, name: str) -> str:
    """The URL where an administrator can correct the connection that answered: its page, or the list if none or several
    have its name. One query for all messages of a page.
    """
    request = context["request"]
    if not hasattr(request, "connections"):
        request.connections = list(Connection.objects.values_list("name", "pk"))
    rows = [pk for other, pk in request.connections if other == name]
    if len(rows) == 1:
        return reverse("admin:providers_connection_change", args=rows)
    return reverse("admin:providers_connection_changelist")


@register.simple_tag
def advice(error: dict[str, Any] | None, user: Any) -> str:
    """Advice for the person on a failed answer, by who is to blame."""
    error = error or {}
    wait = error.get("retry_after")
    if wait:
        whole: int = max(1, round(wait))
        words = ngettext("Try again in %d second.", "Try again in %d seconds.", whole)
        return words % whole
    if error.get("blame") == "caller" and error.get("status") == 429:  # a budget; it says itself when it begins anew
        return _("An administrator can raise the budget. It may not count for other models.")
    return advice_on(
        error,
        user,
        caller=_("Change your message or the model, then try again."),
        configuration=_("Check the connection in the administration, then try again."),
        network=_("The provider did not answer. Try again in a moment."),
        otherwise=_("Trying again may not help. Change your message, or choose another model."),
    )


def advice_on(
    error: Mapping[str, Any], user: Any, *, caller: str, configuration: str, network: str, otherwise: str
) -> str:
    """One of these texts, by who is to blame for an error; `configuration` is for administrators alone.

    Empty where the error itself says what to do.
    """
    if stored_errors.is_of_credential(error):
        return ""
    if user.is_superuser and stored_errors.is_fault(error):
        return configuration
    match error.get("blame"):
        case "caller":
            return caller
        case "configuration":
            return configuration if user.is_superuser else _("Choose another model, or try again later.")
        case "network":
            return network
    return _("This may be temporary. Try again in a moment.") if error.get("retryable") else otherwise


@register.simple_tag
def offers(what: str) -> bool:
    """Whether the administrator switched this on: a name of `chat.chat_settings.ChatSettingsFacts`."""
    return bool(getattr(chat_settings.current_blocking(), what))


@register.simple_tag
def sources_of(history: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The pages and files that an answer cites, from its status lines: http(s) addresses, and those of files here."""
    sources = (source for step in history for source in step.get("sources") or () if isinstance(source, dict))
    return [
        {
            "title": str(source.get("title") or url),
            "url": url,
            "site": str(source.get("site") or urlsplit(url).netloc.removeprefix("www.")),
        }
        for source in sources
        if (url := _source_address(str(source.get("url") or "")))
    ]


def _source_address(url: str) -> str:
    if url.startswith(file_addresses.ROOT):
        file_id = file_addresses.named_id(url)
        return file_addresses.content_address(file_id) if file_id else ""
    return endpoint.safe_url(url)


def frame_texts() -> dict[str, str]:
    """The texts of the scripts that every page with the sidebar uses."""
    return {
        "newChat": _("New chat"),
        "lost": _("The connection was lost. Trying again …"),
        "noAnswer": _("The server did not answer. Try again in a moment."),
        "actionFailed": _("That did not work. Try again in a moment."),
        "deleted": _("Chat deleted."),
        "isRunning": _("An answer is being written:"),
        "isUnread": _("Unread:"),
        "chatsMoved": _("Moved: {n}"),
        "chatsArchived": _("Archived: {n}"),
        "chatsBack": _("Taken out of the archive: {n}"),
        "chatsDeleted": _("Moved to the trash: {n}"),
        "chatsRestored": _("Restored: {n}"),
        "chatsErased": _("Deleted for good: {n}"),
        "cancel": _("Cancel"),
        "undo": _("Undo"),
        "rename": _("New name"),
        "steps": _("step {step} of {total}"),
        "queue": _("{n} before this one"),
        "picture": _("Picture"),
        "answerReady": _("Your answer is ready"),
        "pictureReady": _("Your picture is ready"),
    }


@register.simple_tag
def order_texts() -> SafeString:
    """The texts of the pages of lists."""
    texts = {
        **frame_texts(),
        "chosen": _("Chosen: {n}"),
        "erase": _("Delete for good"),
        "eraseThese": _("Delete {n} chats for good? Nothing brings them back."),
        "eraseAll": _("Delete everything in the trash for good? Nothing brings it back."),
    }
    return json_script(texts, "texts")


@register.simple_tag
def script_texts() -> SafeString:
    """The texts of the scripts, in the language of the page."""
    texts = {
        **frame_texts(),
        "askWhom": _("Ask whom?"),
        "askedOnce": _("{name} answers this message."),
        "chosenModels": _("Chosen: {n} of {most}"),
        "severalModels": _("{n} models"),
        "oneModel": _("One model answers."),
        "askNot": _("Do not ask {name}"),
        "picked": _("Picked: {name}. The chat goes on with this answer."),
        "belowStays": _("What was written below is there again once you pick its answer."),
        "prompts": _("Prompts"),
        "suggested": _("{n} suggestions. Choose with the arrow keys and Enter."),
        "rulesSaved": _("The rules of this chat are saved."),
        "notSent": _("Your message could not be sent."),
        "sendAgain": _("Send again"),
        "checklistHidden": _("The list is hidden."),
        "rated": _("Thank you. Your rating is kept."),
        "ratingRemoved": _("Your rating was removed."),
        "thinking": _("Thinking …"),
        "thoughtFor": _("Thought for {n} s"),
        "answered": _("{model} answered: {text}"),
        "stopped": _("The answer was stopped."),
        "failed": _("The answer failed: {text}"),
        "improved": _("Drawn as: {prompt}"),
        "seed": _("seed {n}"),
        "attached": _("{name} is attached."),
        "detached": _("{name} was removed."),
        "detach": _("Remove {name}"),
        "waiting": _("Waiting"),
        "uploading": _("Your files are still being uploaded."),
        "progressOf": _("Upload of {name}"),
        "uploadFailed": _("It could not be uploaded."),
        "notUploaded": _("“{name}” was not uploaded. Try it again, or remove it."),
        "retryUpload": _("Upload {name} again"),
        "tooManyFiles": _("A message can have at most {n} files."),
        "fileTooLarge": _("“{name}” is too large: at most {size}."),
        "unreadable": _("Models cannot read this kind of file."),
        "inline": _("Put it into the message"),
        "pastedText": _("Pasted text"),
        "queued": _("Sent when this answer is over"),
        "oneWaits": _("One message can wait. Change this one, or wait until it is sent."),
        "inOrder": _("Sent in this order, one after each answer"),
        "held": _("Not sent, because the answer was not finished"),
        "refused": _("It was not sent: {reason}"),
        "sentNow": _("The message is sent now."),
        "movedUp": _("It is number {n} now."),
        "queueCleared": _("The message will not be sent."),
        "withFiles": _("Files: {n}"),
        "you": _("You"),
        "filled": _("{share} of what this model can read at once"),
        "nearlyFull": _("This chat fills {share} of what its model can read at once."),
        "notSummarised": _("The beginning of this chat could not be summarised. Everything is sent as before."),
        "summarising": _("The beginning of this chat is being summarised."),
        "summarised": _("The beginning of this chat is summarised. The messages stay."),
        "answer": _("Answer"),
        "noVision": _("This model cannot see pictures. Choose another model to ask about them."),
        "readAloud": _("Read aloud"),
        "stopReading": _("Stop reading"),
        "nothingToRead": _("There is nothing to read aloud here, only code or pictures."),
        "noVoice": _("This browser has no voice for reading aloud."),
        "soundBroken": _("The audio could not be played."),
        "pressAgain": _("Your browser blocked the audio. Press the button again."),
        **voice_texts(),
    }
    return json_script(texts, "texts")


@register.simple_tag
def preview_texts() -> SafeString:
    """The texts of what is shown in frames: diagrams, drawings, pages."""
    texts = {
        "showSource": _("Show the source"),
        "showPreview": _("Preview"),
        "drawing": _("Drawing …"),
        "notDrawn": _("This cannot be drawn. Its source is below."),
        "previewSlow": _("It took too long."),
        "brokenDrawing": _("This is no drawing that a browser can read."),
        "previewOfPage": _("Preview of the page"),
        "previewOfDrawing": _("Drawing"),
    }
    return json_script(texts, "preview-texts")


def voice_texts() -> dict[str, str]:
    """The texts of speaking and listening."""
    return {
        "listening": _("Listening …"),
        "writingDown": _("Writing down …"),
        "nothingHeard": _("Nothing was heard. Is the right microphone chosen, and is it on?"),
        "micRefused": _("The microphone is not allowed here. Allow it in the settings of your browser for this site."),
        "noMicrophone": _("No microphone was found. Connect one, then try again."),
        "micBusy": _("The microphone cannot be used. Another program may be using it."),
        "micNeedsTls": _("Browsers give a microphone only to sites with https."),
        "noRecorder": _("This browser cannot record."),
        "noEar": _("Nobody here can write down speech: no model of this site, and not this browser."),
        "browserMayListen": _("No model here writes down speech. Your browser can; its maker may hear what you say."),
        "letBrowserListen": _("Use the browser"),
        "dictationTooLong": _("At most {n} minutes can be dictated at once."),
        "talkNeedsModel": _("Talking hands-free needs a model that writes down speech. An administrator can add one."),
        "talk-listening": _("Listening …"),
        "talk-hearing": _("I hear you"),
        "talk-writing": _("Writing down …"),
        "talk-thinking": _("Thinking …"),
        "talk-speaking": _("Speaking"),
        "talk-paused": _("Paused"),
        "pause": _("Pause"),
        "goOn": _("Go on"),
    }
