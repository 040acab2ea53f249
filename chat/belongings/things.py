"""The things that people have in chats."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, prefetch_related_objects
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from chat import files, runs, services
from chat.belongings.base import Archive, Belonging
from chat.export import archive as chat_archive
from chat.models import Chat, Comparison, Draft, File, Folder, Memory, Message, QueuedMessage, Share, Transfer

BATCH = 200  # files that are asked for at once


class Chats(Belonging):
    """Chats, those in the trash too. Their links, and the files of their messages, go with them; which models won in
    them is counted on, and nobody's any more.
    """

    name = "chats"
    label = _("Chats")
    models = ("chat.Chat", "chat.Message", "chat.Share", "chat.Comparison")

    def count(self, user_id: int) -> int:
        return Chat.objects.filter(user_id=user_id).count()

    def export(self, user: Any, archive: Archive) -> None:
        chats = Chat.objects.filter(user_id=user.pk, deleted_at=None).order_by("created", "pk")
        keys = list(chats.values_list("pk", flat=True))
        for number, key in enumerate(keys):
            chat = chats.filter(pk=key).first()
            if chat is None:
                continue  # deleted meanwhile
            prefetch_related_objects([chat], "messages", "user")
            day, title = f"{chat.created:%Y-%m-%d}", slugify(chat.title, allow_unicode=True)[:60] or "chat"
            folder = chat_archive.unique_name(f"{day} {title}", archive.names)
            for _piece in chat_archive.add_chat(
                archive.zip, chat, chat_archive.files_of(chat), folder=f"chats/{folder}/"
            ):
                archive.beat(share=round(number / len(keys), 3), chats=number)
        shares = Share.objects.filter(chat__user_id=user.pk)
        if shares.exists():
            archive.add_json("links.json", list(shares.values("id", "chat_id", "created")))

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        count = 0
        chats = Chat.objects.filter(user_id=user_id)
        while keys := list(chats.values_list("pk", flat=True)[: services.CHATS_AT_ONCE]):
            for key in Message.objects.filter(chat__in=keys, status__in=Message.RUNNING).values_list("pk", flat=True):
                runs.stop(key)
            Chat.objects.filter(pk__in=keys).delete()
            count += len(keys)
            beat()
        Comparison.objects.filter(user_id=user_id).update(user=None)
        return count


class Files(Belonging):
    """Files that are in no chat: pictures that were drawn, uploads. An archive has those of chats beside them."""

    name = "files"
    label = _("Files and pictures")
    models = ("chat.File",)

    def count(self, user_id: int) -> int:
        return File.objects.filter(owner_id=user_id).count()

    def export(self, user: Any, archive: Archive) -> None:
        rows = File.objects.filter(Q(chat=None) | Q(chat__deleted_at__isnull=False), owner_id=user.pk)
        keys = list(rows.order_by("created", "pk").values_list("pk", flat=True))
        facts = []
        for batch in (keys[at : at + BATCH] for at in range(0, len(keys), BATCH)):
            by_key = rows.in_bulk(batch)  # whole: the store may take its time, and no cursor stays open meanwhile
            for row in (by_key[key] for key in batch if key in by_key):
                if path := archive.add_file(row, "files/"):
                    facts.append({**files.file_json(row), "url": path})
        if facts:
            archive.add_json("files.json", facts)

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        count = 0
        rows = File.everything.filter(owner_id=user_id)
        while keys := list(rows.values_list("pk", flat=True)[:100]):
            rows.filter(pk__in=keys).delete()
            count += len(keys)
            beat()
        return count


class Folders(Belonging):
    """Folders with their instructions; their files are among the others."""

    name = "folders"
    label = _("Folders")
    models = ("chat.Folder",)

    def count(self, user_id: int) -> int:
        return Folder.objects.filter(user_id=user_id).count()

    def export(self, user: Any, archive: Archive) -> None:
        rows = Folder.objects.filter(user_id=user.pk).prefetch_related("chats")
        facts = [
            {"name": row.name, "prompt": row.prompt, "chats": [str(chat.pk) for chat in row.chats.all()]}
            for row in rows
        ]
        if facts:
            archive.add_json("folders.json", facts)

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        return Folder.objects.filter(user_id=user_id).delete()[1].get(Folder._meta.label, 0)


class Memories(Belonging):
    name = "memories"
    label = _("Memories")
    models = ("chat.Memory",)

    def count(self, user_id: int) -> int:
        return Memory.objects.filter(user_id=user_id).count()

    def export(self, user: Any, archive: Archive) -> None:
        rows = Memory.objects.filter(user_id=user.pk).order_by("created")
        if facts := list(rows.values("text", "created", "updated")):
            archive.add_json("memories.json", facts)

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        return Memory.objects.filter(user_id=user_id).delete()[0]


class Drafts(Belonging):
    name = "drafts"
    label = _("Messages that were begun")
    models = ("chat.Draft",)

    def count(self, user_id: int) -> int:
        return Draft.objects.filter(user_id=user_id).count()

    def export(self, user: Any, archive: Archive) -> None:
        if facts := list(Draft.objects.filter(user_id=user.pk).values("chat_id", "text", "files", "written")):
            archive.add_json("drafts.json", facts)

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        return Draft.objects.filter(user_id=user_id).delete()[0]


class QueuedMessages(Belonging):
    """Messages that wait in chats for an answer to end; those of chats in the trash, too."""

    name = "queue"
    label = _("Messages that wait to be sent")
    models = ("chat.QueuedMessage",)

    def count(self, user_id: int) -> int:
        return QueuedMessage.objects.filter(chat__user_id=user_id).count()

    def export(self, user: Any, archive: Archive) -> None:
        rows = QueuedMessage.objects.filter(chat__user_id=user.pk).order_by("chat_id", "position")
        if facts := list(rows.values("chat_id", "content", "files", "options", "created")):
            archive.add_json("queue.json", facts)

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        return QueuedMessage.objects.filter(chat__user_id=user_id).delete()[0]


class OwnPreferences(Belonging):
    name = "preferences"
    label = _("Preferences")

    def count(self, user_id: int) -> int:
        return len(services.preferences_of(user_id))

    def export(self, user: Any, archive: Archive) -> None:
        about = {"email": user.email, "name": user.name, "joined": user.date_joined}
        archive.add_json("profile.json", {**about, "preferences": services.preferences_of(user.pk)})

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        count = self.count(user_id)
        get_user_model()._default_manager.filter(pk=user_id).update(preferences={})
        return count


class Transfers(Belonging):
    """Imports and exports with their files; the deletion that runs stays, and says what it did."""

    name = "transfers"
    label = _("Imports and exports")
    models = ("chat.Transfer",)

    def count(self, user_id: int) -> int:
        return Transfer.objects.filter(user_id=user_id).exclude(kind=Transfer.TransferKind.ERASURE).count()

    def export(self, user: Any, archive: Archive) -> None:
        return  # an archive of archives would hold everything twice

    def erase(self, user_id: int, beat: Callable[[], None]) -> int:
        rows = Transfer.objects.filter(user_id=user_id).exclude(kind=Transfer.TransferKind.ERASURE)
        return rows.delete()[1].get(Transfer._meta.label, 0)
