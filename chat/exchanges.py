"""The verbs that ask for an answer. Each adds messages to a chat in one transaction; the reply starts after the commit.

The model is chosen before the transaction begins, because choosing it may load the configuration.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from chat import access, choice, history, runs, services, tasks
from chat import files as chat_files
from chat.models import Chat, ComparedAnswer, Comparison, Folder, Message, ModelInput
from chat.pipeline import CompletionRequest
from chat.runs.draft import AnswerDraft
from providers.errors import BadRequest, Conflict, NotFound
from providers.sentences import sentence as _


class Exchange(NamedTuple):
    """A person's message and the answer to it, which is `pending` until its reply runs."""

    chat: Chat
    question: Message
    answer: Message
    answers: tuple[Message, ...] = ()  # of several models side by side, `answer` first
    comparison: Comparison | None = None


def start_chat(
    request: CompletionRequest,
    *,
    content: str,
    files: Sequence[object] = (),
    title: str = "",
    rules: Mapping[str, Any] | None = None,
    folder: Folder | None = None,
    message_id: uuid.UUID | None = None,
) -> Exchange:
    """A chat with its first message. Called again with the same `message_id`, it returns the same exchange.

    Raises NotFound (model, file), ConfigurationError (no model at all), Conflict (`id_taken`).
    """
    if repeated := _repeated(request, message_id):
        return repeated
    request = _with_model(request)
    with transaction.atomic():
        chat = Chat.objects.create(
            user_id=request.user_id,
            title=title or tasks.first_words(content),
            title_is_own=bool(title),
            rules=dict(rules or {}),
            folder=folder,
        )
        question = _question(chat, None, content, files=files, message_id=message_id)
        if not chat.title and question.files:  # a file without text
            chat.title = tasks.first_words(question.files[0]["name"])
        services.tell(chat, "chat:list", {})
        return _answered(request, chat, question)


def add_message(
    chat: Chat,
    request: CompletionRequest,
    *,
    content: str,
    parent: Message | None = None,
    files: Sequence[object] = (),
    message_id: uuid.UUID | None = None,
    claim: Callable[[Chat], None] | None = None,
) -> Exchange:
    """A person's next message, below `parent` (else at the end of the shown branch).

    `claim` is called in the transaction, with the locked chat: what it raises undoes all.

    Raises as `start_chat`, and Conflict (`reply_running`) while the message above is still being answered.
    """
    if repeated := _repeated(request, message_id):
        return repeated
    request = _with_model(request, chat_model=chat.model)
    services.settle_stale(chat)
    with transaction.atomic():
        chat = services.locked(chat)
        if claim is not None:
            claim(chat)
        parent = Message.objects.get(pk=parent.pk) if parent is not None else chat.leaf
        if parent is not None:
            _refuse_while_running(parent)
        if not chat.title:
            chat.title = tasks.first_words(content)
        question = _question(chat, parent, content, files=files, message_id=message_id)
        if not chat.title and question.files:
            chat.title = tasks.first_words(question.files[0]["name"])
        return _answered(request, chat, question)


def edit_message(
    message: Message,
    request: CompletionRequest,
    *,
    content: str,
    files: Sequence[object] | None = None,
    message_id: uuid.UUID | None = None,
) -> Exchange:
    """A new version of the person's message, as a new branch with an answer of its own; the old branch stays.

    Without `files` it has the files of the original. The models that answered the original answer again: all of them
    where they stand side by side. Raises as `start_chat`, and BadRequest for an answer.
    """
    if message.role != Message.Role.USER:
        raise BadRequest(_("Only your own messages can be edited."), code="not_editable")
    if repeated := _repeated(request, message_id):
        return repeated
    if not request.model and not request.models:
        request = replace(request, models=_models_side_by_side(message))
    request = _as_before(request, message.children.order_by("created").last())
    request = _with_model(request, chat_model=message.chat.model)
    with transaction.atomic():
        chat = services.locked(message.chat)
        earlier = message.files if files is None else ()
        question = _question(chat, message.parent, content, files=files or (), earlier=earlier, message_id=message_id)
        return _answered(request, chat, question)


def _models_side_by_side(question: Message) -> tuple[str, ...]:
    """The models whose answers to a question stand side by side; none where one of them was picked."""
    newest = Comparison.objects.filter(question=question).first()
    if newest is None or newest.picked_at is not None:
        return ()
    return tuple(newest.answers.filter(is_merged=False).values_list("model", flat=True))


def regenerate(message: Message, request: CompletionRequest, *, message_id: uuid.UUID | None = None) -> Message:
    """Another answer beside `message` (or below it, when it is a person's); the earlier ones stay as branches.

    In a comparison of which nothing is picked it takes the place of `message`. Raises as `start_chat`, and Conflict
    (`reply_running`) while one of them is still being written; in a comparison, while `message` is.
    """
    if message_id and (repeated := Message.objects.select_related("chat").filter(pk=message_id).first()):
        return _own(repeated, request)
    is_question = message.role == Message.Role.USER
    question = message if is_question else message.parent
    if question is None:
        raise BadRequest(_("This message is not an answer to a question."), code="no_question")
    request = _as_before(request, None if is_question else message)
    request = _with_model(request, chat_model=message.chat.model)
    services.settle_stale(message.chat)
    with transaction.atomic():
        chat = services.locked(message.chat)
        compared = ComparedAnswer.objects.filter(answer=message, is_merged=False, comparison__picked_at=None).first()
        running = question.children.filter(status__in=Message.RUNNING)
        for sibling in running.filter(pk=message.pk) if compared else running:
            _refuse_while_running(sibling)
        answer = _new_answer(request, chat, question, message_id=message_id)
        if compared:
            ComparedAnswer.objects.filter(pk=compared.pk).update(answer=answer, model=answer.model)
        return answer


def continue_answer(message: Message, request: CompletionRequest) -> Message:
    """Let the model go on with an answer that was cut off, in the same message; nothing that is there is lost.

    Raises as `start_chat`, BadRequest for an answer that is whole (`not_cut`) or has messages below it (`not_last`),
    and Conflict (`reply_running`).
    """
    _refuse_while_running(message)
    if not message.may_go_on:
        raise BadRequest(_("Only an answer that was cut off can be continued."), code="not_cut")
    request = _with_model(_as_before(request, message), chat_model=message.chat.model)
    with transaction.atomic():
        chat = services.locked(message.chat)
        message.refresh_from_db()
        _refuse_while_running(message)
        if message.children.exists():
            raise BadRequest(
                _("The conversation went on below this answer. Write what is missing as your next message."),
                code="not_last",
            )
        message.error = None
        message.options = {**message.options, "parts": message.options.get("parts", 1) + 1}
        return _start(replace(request, continues=True), chat, message)


def revise_answer(message: Message, content: str) -> Message:
    """The person's own version of an answer, beside it; the old one stays with all that follows it.

    Raises BadRequest for a message that is no answer, Conflict (`reply_running`).
    """
    if message.role != Message.Role.ASSISTANT:
        raise BadRequest(_("This message is not an answer."), code="not_an_answer")
    with transaction.atomic():
        chat = services.locked(message.chat)
        message.refresh_from_db()
        _refuse_while_running(message)
        version = Message.objects.create(
            chat=chat,
            parent=message.parent,
            role=Message.Role.ASSISTANT,
            content=content,
            reasoning=message.reasoning,
            reasoning_ms=message.reasoning_ms,
            model=message.model,
            connection="",
            status=Message.Status.DONE,
            is_edited=True,
            files=message.files,
            options={name: value for name, value in message.options.items() if name in ("features", "params")},
            status_history=[step for step in message.status_history if step.get("sources")],
        )
        ModelInput.objects.bulk_create(
            ModelInput(answer=version, source=row.source, content=row.content) for row in message.inputs.all()
        )
        chat.leaf, chat.updated = version, timezone.now()
        chat.save(update_fields=["leaf", "updated"])
        services.tell(chat, "chat:messages", {"chat_id": str(chat.pk)})
        return version


def merge_answers(comparison: Comparison, request: CompletionRequest, instruction: str) -> Message:
    """A further answer to the question of a comparison, which `instruction` tells to make of the others.

    Raises as `start_chat`, and Conflict (`reply_running`) while one of them is being written.
    """
    question = comparison.question
    if question is None:
        raise BadRequest(_("The question of this comparison was deleted."), code="no_question")
    request = _with_model(replace(request, instruction=instruction), chat_model=question.chat.model)
    with transaction.atomic():
        chat = services.locked(question.chat)
        for compared in comparison.answers.filter(answer__isnull=False).select_related("answer"):
            if compared.answer is not None:
                _refuse_while_running(compared.answer)
        comparison.answers.filter(is_merged=True, answer__status=Message.Status.FAILED).delete()  # it is tried again
        answer = _new_answer(request, chat, question)
        ComparedAnswer.objects.create(comparison=comparison, answer=answer, model=answer.model, is_merged=True)
        return answer


def answer_into(chat: Chat, message_id: uuid.UUID, request: CompletionRequest) -> Message:
    """A program's own request as a reply in a chat; returns the answer.

    `message_id` names an answer of the chat (its reply is made anew), a question (which gets another answer), or
    nothing yet: then the last message of the request's user becomes a question, and the answer gets this id. Raises
    NotFound when it names a message elsewhere, Conflict (`reply_running`).
    """
    request = _with_model(request)
    services.settle_stale(chat)
    with transaction.atomic():
        chat = services.locked(chat)
        message = Message.objects.filter(pk=message_id).first()
        if message is None:
            question = _last_question(chat, request)
            return _new_answer(request, chat, question, message_id=message_id)
        if message.chat_id != chat.pk:
            raise NotFound(_("This message was not found. It may have been deleted."), code="message_not_found")
        if message.role == Message.Role.USER:
            return _new_answer(request, chat, message)
        _refuse_while_running(message)
        for name, value in AnswerDraft().row().items():
            setattr(message, name, value)
        message.inputs.all().delete()
        return _start(request, chat, message)


# --- Inside -----------------------------------------------------------------------------------------------------------


def _answered(request: CompletionRequest, chat: Chat, question: Message) -> Exchange:
    """The exchange of a question with a new answer, or with one of each of several models: all start at once."""
    if not request.models:
        return Exchange(chat, question, _new_answer(request, chat, question))
    answers = [_new_answer(replace(request, model=model, models=()), chat, question) for model in request.models]
    comparison = Comparison.objects.create(user_id=chat.user_id, chat=chat, question=question)
    ComparedAnswer.objects.bulk_create(
        ComparedAnswer(comparison=comparison, answer=answer, model=answer.model) for answer in answers
    )
    chat.leaf, chat.model = answers[0], answers[0].model
    chat.save(update_fields=["leaf", "model"])
    return Exchange(chat, question, answers[0], tuple(answers), comparison)


def _new_answer(
    request: CompletionRequest, chat: Chat, question: Message, *, message_id: uuid.UUID | None = None
) -> Message:
    """A new answer to a question; its reply starts."""
    answer = Message(id=message_id or uuid.uuid4(), chat=chat, parent=question, role=Message.Role.ASSISTANT)
    return _start(request, chat, answer)


def _start(request: CompletionRequest, chat: Chat, answer: Message) -> Message:
    """Save an answer that waits for its reply, show its branch, and start the reply once that is committed."""
    answer.status, answer.model = Message.Status.PENDING, request.model
    answer.saved = Now()  # the database's clock, as for its heartbeats: those of two machines differ
    # Parameters of a program's request do not apply when a person regenerates the answer.
    params = {} if request.has_messages else dict(request.params)
    answer.options = {**answer.options, "features": dict(request.features), "params": params}
    answer.follow_ups = []
    answer.save()
    answer.saved = timezone.now()  # an expression until here
    chat.leaf, chat.updated = answer, timezone.now()
    if not request.once:
        chat.model = request.model
    chat.archived_at = None  # who goes on with a chat has it in the list again
    chat.save(update_fields=["leaf", "model", "title", "updated", "archived_at"])
    services.tell(chat, "chat:messages", {"chat_id": str(chat.pk)})
    transaction.on_commit(partial(runs.start, answer, request))
    return answer


def _with_model(request: CompletionRequest, *, chat_model: str = "") -> CompletionRequest:
    """The request with the model that is to answer. A person's choice is remembered, a program's is not; nor is one of
    several models.
    """
    if request.models:
        models = tuple(choice.model_for(request.caller, model) for model in request.models)
        return replace(request, models=models, model=models[0])
    model = choice.model_for(request.caller, request.model, chat_model=chat_model)
    if request.model and not request.has_messages and not request.once:
        services.set_preferences(request.user_id, {"model": model})
    return replace(request, model=model)


def _as_before(request: CompletionRequest, earlier: Message | None) -> CompletionRequest:
    """The request, with the model, features and parameters of an earlier answer where it sets none."""
    if earlier is None:
        return request
    return replace(
        request,
        model=request.model or earlier.model,
        features=request.features or earlier.options.get("features", {}),
        params=request.params or earlier.options.get("params", {}),
    )


def _question(
    chat: Chat,
    parent: Message | None,
    content: str,
    *,
    files: Sequence[object] = (),
    earlier: Sequence[dict[str, Any]] = (),
    message_id: uuid.UUID | None = None,
) -> Message:
    rows = [chat_files.to_attach(chat.user, access.own_file_for(chat.user, file_id)) for file_id in files]
    question = Message.objects.create(
        id=message_id or uuid.uuid4(),
        chat=chat,
        parent=parent,
        role=Message.Role.USER,
        content=content,
        files=[*earlier, *({**chat_files.file_json(row), "expires_at": None} for row in rows)],  # attached below
    )
    if rows:
        chat_files.attach(rows, question)
    return question


def _last_question(chat: Chat, request: CompletionRequest) -> Message:
    """The question that a program's request ends with: the chat's last message if it says the same, else a new one."""
    content = history.last_question(request.messages or ())
    if chat.leaf is not None and chat.leaf.role == Message.Role.USER and chat.leaf.content == content:
        return chat.leaf
    if not chat.title:
        chat.title = tasks.first_words(content)
    return _question(chat, chat.leaf, content, files=[file["id"] for file in request.files if file.get("id")])


def _refuse_while_running(message: Message) -> None:
    if message.is_running:
        raise Conflict(_("This message is still being answered. Stop it first, or wait."), code="reply_running")


def _repeated(request: CompletionRequest, message_id: uuid.UUID | None) -> Exchange | None:
    """The exchange of an earlier, equal request; None when there is none. Raises Conflict when the id is taken."""
    if message_id is None:
        return None
    question = Message.objects.select_related("chat").filter(pk=message_id).first()
    if question is None:
        return None
    answer = _own(question, request).children.order_by("created").last()
    if answer is None:
        raise _taken()
    compared = ComparedAnswer.objects.filter(comparison__question=question, is_merged=False, answer__isnull=False)
    rows = list(compared.select_related("answer", "comparison"))
    if not rows:
        return Exchange(question.chat, question, answer)
    answers = tuple(row.answer for row in rows if row.answer is not None)
    return Exchange(question.chat, question, answers[0], answers, rows[0].comparison)


def _own(message: Message, request: CompletionRequest) -> Message:
    if message.chat.user_id != request.user_id:
        raise _taken()
    return message


def _taken() -> Conflict:
    return Conflict(_("This message id is already in use."), code="id_taken")
