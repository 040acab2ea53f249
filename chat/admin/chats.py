"""Chats, messages, folders, shares and memories. Lists show no texts; those stand on a row's own page."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Length
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from chat.admin import files, settings  # noqa: F401  register themselves
from chat.models import Chat, File, Folder, Memory, Message, Prompt, Share
from providers.admin.base import AdminPages, Label

STATUS_LABELS = {
    "done": "success",
    "pending": "info",
    "streaming": "info",
    "stopped": "warning",
    "interrupted": "warning",
    "failed": "danger",
}


class ReadOnlyAdmin(AdminPages, ModelAdmin):  # type: ignore[misc]
    """The base of lists with people's own texts: administrators may read and delete rows, not change them."""

    tells_names = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class DeletedFilter(admin.SimpleListFilter):
    title = _("deleted")
    parameter_name = "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("No")), ("yes", _("Yes, can be undone"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Chat]) -> QuerySet[Chat]:
        if self.value() in ("yes", "no"):
            return queryset.filter(deleted_at__isnull=self.value() == "no")
        return queryset


class ArchivedFilter(admin.SimpleListFilter):
    title = _("archived")
    parameter_name = "archived"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("No")), ("yes", _("Yes"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Chat]) -> QuerySet[Chat]:
        if self.value() in ("yes", "no"):
            return queryset.filter(archived_at__isnull=self.value() == "no")
        return queryset


class CountedPage(ChangeList):
    """A list that counts the messages of the chats that it shows, and of no others: there may be very many."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        messages = Message.objects.filter(chat__in=[row.pk for row in rows]).order_by()
        counts = dict(messages.values_list("chat").annotate(Count("pk")))
        for row in rows:
            row.message_total = counts.get(row.pk, 0)
        self.result_list = rows  # type: ignore[assignment]


@admin.register(Chat)
class ChatAdmin(ReadOnlyAdmin):
    list_display = ("title_or_number", "user", "model", "message_count", "updated", "is_deleted")
    list_filter = (DeletedFilter, ArchivedFilter, "updated")
    list_filter_submit = True
    list_select_related = ("user",)
    search_fields = ("=id", "=folder__id", "title", "user__email", "user__name", "model")
    search_help_text = _("Title, person or model")
    date_hierarchy = "created"
    fieldsets = (
        (None, {"fields": ("user", "title", "folder", "model", "messages_link")}),
        (_("Times"), {"fields": ("created", "updated", "pinned_at", "archived_at", "deleted_at")}),
    )
    readonly_fields = ("messages_link",)

    def get_changelist(self, request: HttpRequest, **options: Any) -> Any:
        return type("ChatList", (CountedPage, super().get_changelist(request, **options)), {})

    @display(description=_("title"), ordering="title")
    def title_or_number(self, chat: Chat) -> str:
        return str(chat)

    @display(description=_("messages"))
    def message_count(self, chat: Any) -> int:
        return int(chat.message_total)

    @display(description=_("deleted"), boolean=True)
    def is_deleted(self, chat: Chat) -> bool:
        return chat.deleted_at is not None

    @display(description=_("messages"))
    def messages_link(self, chat: Any) -> str:
        address = f"{reverse('admin:chat_message_changelist')}?chat__id__exact={chat.pk}"
        return str(self.link(Message, address, chat.messages.count()))


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("created", "person", "role", "model", "connection", "state", "first_token_ms", "duration_ms")
    list_filter = ("status", "role", "created")
    list_filter_submit = True
    list_select_related = ("chat", "chat__user")
    search_fields = ("=id", "=chat__id", "chat__user__email", "model", "connection")
    search_help_text = _("Person, model or connection; the text of messages is not searched")
    ordering = ("-created",)
    fieldsets = (
        (None, {"fields": ("chat", "role", "status", "created")}),
        (_("Text"), {"fields": ("content", "reasoning", "files")}),
        (
            _("How it was answered"),
            {"fields": ("model", "connection", "error", "usage", "status_history", "first_token_ms", "duration_ms")},
        ),
    )

    @display(description=_("person"), ordering="chat__user__email")
    def person(self, message: Message) -> str:
        return str(message.chat.user)

    @display(description=_("status"), ordering="status", label=STATUS_LABELS)
    def state(self, message: Message) -> Label:
        return Label(message.status, message.get_status_display())


@admin.register(Folder)
class FolderAdmin(ReadOnlyAdmin):
    """Deleting a row keeps its chats, without a folder."""

    list_display = ("user", "chat_count", "file_count", "length", "created", "updated")
    list_filter = ("updated",)
    list_filter_submit = True
    list_select_related = ("user",)
    search_fields = ("=id", "name", "user__email", "user__name")
    search_help_text = _("Name or person; the instructions are not searched")
    ordering = ("-updated",)
    fieldsets = (
        (None, {"fields": ("user", "name", "chats_link", "created", "updated")}),
        (_("Text"), {"fields": ("prompt",)}),
    )
    readonly_fields = ("chats_link",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Folder]:
        chats = Chat.objects.filter(folder=OuterRef("pk")).order_by().values("folder").annotate(n=Count("pk"))
        attached = File.objects.filter(folder=OuterRef("pk")).order_by().values("folder").annotate(n=Count("pk"))
        rows = super().get_queryset(request)
        return rows.annotate(  # type: ignore[no-any-return]
            chat_total=Subquery(chats.values("n")),
            file_total=Subquery(attached.values("n")),
            characters=Length("prompt"),
        )

    @display(description=_("chats"), ordering="chat_total")
    def chat_count(self, folder: Any) -> int:
        return int(folder.chat_total or 0)

    @display(description=_("files"), ordering="file_total")
    def file_count(self, folder: Any) -> int:
        return int(folder.file_total or 0)

    @display(description=_("characters of instructions"), ordering="characters")
    def length(self, folder: Any) -> int:
        return int(folder.characters)

    @display(description=_("chats"))
    def chats_link(self, folder: Any) -> str:
        address = f"{reverse('admin:chat_chat_changelist')}?q={folder.pk}"
        return str(self.link(Chat, address, folder.chats.count()))


@admin.register(Prompt)
class PromptAdmin(ReadOnlyAdmin):
    list_display = ("owner", "access", "length", "created", "updated")
    list_filter = ("access", "updated")
    list_filter_submit = True
    list_select_related = ("owner",)
    search_fields = ("=id", "owner__email", "owner__name")
    search_help_text = _("Person; the text is not searched")
    ordering = ("-updated",)
    fieldsets = (
        (None, {"fields": ("owner", "access", "groups", "created", "updated")}),
        (_("Text"), {"fields": ("command", "title", "text")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prompt]:
        return super().get_queryset(request).annotate(characters=Length("text"))  # type: ignore[no-any-return]

    @display(description=_("characters"), ordering="characters")
    def length(self, prompt: Any) -> int:
        return int(prompt.characters)


@admin.register(Share)
class ShareAdmin(ReadOnlyAdmin):
    """Deleting a row revokes the link; the chat stays."""

    list_display = ("chat_title", "person", "public", "expires_at", "updated", "created")
    list_filter = ("public", "expires_at", "created")
    list_filter_submit = True
    list_select_related = ("chat", "chat__user")
    search_fields = ("=chat__id", "chat__title", "chat__user__email")
    search_help_text = _("Title or person")
    ordering = ("-created",)
    fields = ("chat", "person", "public", "shows_name", "expires_at", "updated", "created")
    readonly_fields = ("person",)

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        if "delete_selected" in actions:
            function, name, _words = actions["delete_selected"]
            actions["delete_selected"] = (function, name, _("Revoke the chosen links"))
        return actions

    @display(description=_("chat"), ordering="chat__title")
    def chat_title(self, share: Share) -> str:
        return str(share.chat)

    @display(description=_("person"), ordering="chat__user__email")
    def person(self, share: Share) -> str:
        return str(share.chat.user)


@admin.register(Memory)
class MemoryAdmin(ReadOnlyAdmin):
    """The list shows whose and when; the text stands on a row's own page."""

    list_display = ("user", "count_of_person", "length", "created", "updated")
    list_filter = ("updated",)
    list_filter_submit = True
    list_select_related = ("user",)
    search_fields = ("=id", "user__email", "user__name")
    search_help_text = _("Person; the text of memories is not searched")
    ordering = ("-updated",)
    fieldsets = (
        (None, {"fields": ("user", "created", "updated")}),
        (_("Text"), {"fields": ("text",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Memory]:
        of_person = Memory.objects.filter(user=OuterRef("user")).order_by().values("user").annotate(n=Count("pk"))
        rows = super().get_queryset(request)
        return rows.annotate(characters=Length("text"), person_total=Subquery(of_person.values("n")))  # type: ignore[no-any-return]

    @display(description=_("memories of this person"))
    def count_of_person(self, memory: Any) -> int:
        return int(memory.person_total)

    @display(description=_("characters"), ordering="characters")
    def length(self, memory: Any) -> int:
        return int(memory.characters)
