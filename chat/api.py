"""Chats and messages as JSON, for the pages' scripts and for programs. Each view checks access and calls one verb."""

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from chat import access, exchanges, export, filing, search, serializers, services
from chat.export import archive
from chat.models import Chat, Folder
from chat.pipeline import CompletionRequest
from providers.authentication import caller_of
from providers.process import waiting
from providers.rest import ListPages, checked_body

NOT_FOUND = OpenApiResponse(serializers.ProblemSerializer, description="Not there, or not yours")
PINS_FULL = OpenApiResponse(serializers.ProblemSerializer, description="No more can be pinned (`pins_full`)")
CONFLICT = OpenApiResponse(serializers.ProblemSerializer, description="A reply is running (`reply_running`)")


class MayUseChats(BasePermission):
    """API keys need the scope `chats`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return caller_of(request).may("chats")


class ChatView(APIView):
    permission_classes = (IsAuthenticated, MayUseChats)

    def chat(self, request: Request, chat_id: str) -> Chat:
        return access.chat_for(request.user, chat_id)


def completion_request(request: Request, data: dict[str, Any]) -> CompletionRequest:
    """The `CompletionRequest` of an HTTP request; `data` was checked by a CompletionOptionsSerializer."""
    return CompletionRequest(
        caller_of(request),
        dict(request.COOKIES),
        model=data["model"],
        models=tuple(data.get("models", ())),
        features=data["features"],
        params=data["params"],
        once=data["once"],
    )


class ChatPages(ListPages):
    page_size = 30
    max_page_size = 100
    ordering = ("-updated", "-id")


WORDS = "Words that its title or a message has; several are in one of them, “quoted ones” behind each other"
FILTERS = [
    OpenApiParameter("folder", str, description="The id of a folder; `none` for chats in no folder"),
    OpenApiParameter("model", str, description="The model that was last used in the chat"),
    OpenApiParameter("since", OpenApiTypes.DATE, description="The first day"),
    OpenApiParameter("until", OpenApiTypes.DATE, description="The last day"),
    OpenApiParameter("pictures", bool, description="With pictures, or without"),
    OpenApiParameter("archived", str, enum=["false", "true", "all"], description="`false` is usual"),
    OpenApiParameter("pinned", bool, description="Pinned, or not"),
    OpenApiParameter("unread", bool, description="With an answer that has not been seen, or without"),
    OpenApiParameter("deleted", bool, description="True: those in the trash instead"),
]


class ChatList(ChatView):
    @extend_schema(
        operation_id="chats_list",
        parameters=[
            OpenApiParameter("q", str, description=WORDS),
            *FILTERS,
            *ChatPages.parameters(),
        ],
        responses={200: serializers.FoundPageSerializer},
    )
    def get(self, request: Request) -> Response:
        """Newest first; with `q` as a search: best first, each with the `excerpt` where it says the words."""
        filters = search.ChatFilters.of(request.query_params)
        if words := request.query_params.get("q", "").strip():
            return hit_page(request, words, filters, _hit_chats)
        chats = search.chats_of(request.user, filters=filters)
        return ChatPages.respond(chats, self, lambda chat: serializers.FoundChatSerializer(chat).data)

    @extend_schema(
        operation_id="chats_create",
        request=serializers.NewChatSerializer,
        responses={201: serializers.StartedSerializer, 404: NOT_FOUND},
    )
    def post(self, request: Request) -> Response:
        data = checked_body(serializers.NewChatSerializer, request)
        if not data["content"].strip() and not data["files"]:
            chat = services.create_chat(
                caller_of(request),
                model=data["model"],
                title=data["title"],
                rules=data["rules"],
                folder=_folder(request, data),
            )
            return Response({"chat": serializers.ChatSerializer(chat).data}, status.HTTP_201_CREATED)
        exchange = exchanges.start_chat(
            completion_request(request, data),
            content=data["content"],
            files=data["files"],
            title=data["title"],
            rules=data["rules"],
            folder=_folder(request, data),
            message_id=data["id"],
        )
        started = {"chat": serializers.ChatSerializer(exchange.chat).data, **_exchange(exchange)}
        return Response(started, status.HTTP_201_CREATED)


def hit_page(
    request: Request, words: str, filters: search.ChatFilters, shape: Callable[[Sequence[search.Hit]], Any]
) -> Response:
    """A page of a search, with the address of the next one."""
    size = ChatPages().get_page_size(request) or ChatPages.page_size
    page = search.find(request.user, words, filters=filters, cursor=request.query_params.get("cursor", ""), size=size)
    url = request.build_absolute_uri()
    following = replace_query_param(url, "cursor", page.cursor) if page.cursor else None
    return Response({"results": shape(page.hits), "next": following})


def _hit_chats(hits: Sequence[search.Hit]) -> Any:
    by_chat = {hit.chat.pk: hit for hit in hits}
    return serializers.FoundChatSerializer([hit.chat for hit in hits], many=True, context={"hits": by_chat}).data


class Search(ChatView):
    @extend_schema(
        operation_id="search",
        parameters=[
            OpenApiParameter("q", str, required=True, description=WORDS),
            *(parameter for parameter in FILTERS if parameter.name not in ("archived", "pinned", "deleted")),
            OpenApiParameter("archived", str, enum=["all", "false", "true"], description="`all` is usual"),
            *ChatPages.parameters(),
        ],
        responses={200: serializers.HitPageSerializer},
    )
    def get(self, request: Request) -> Response:
        """Chats that hold the words, best first, each with the best of its places."""
        filters = search.ChatFilters.of({"archived": "all", **request.query_params.dict()})
        words = request.query_params.get("q", "")
        return hit_page(request, words, filters, lambda hits: serializers.HitSerializer(hits, many=True).data)


class ChatDetail(ChatView):
    @extend_schema(operation_id="chats_read", responses={200: serializers.WholeChatSerializer, 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str) -> Response:
        chat = self.chat(request, chat_id)
        services.settle_stale(chat)
        return Response(serializers.WholeChatSerializer(chat).data)

    @extend_schema(
        operation_id="chats_update",
        request=serializers.ChatChangesSerializer,
        responses={200: serializers.ChatSerializer, 404: NOT_FOUND, 409: PINS_FULL},
    )
    def patch(self, request: Request, chat_id: str) -> Response:
        """Change the title, or the chat's own rules: those that are sent replace those so far. Put it into a folder,
        pin it, archive it, mark it as unread.
        """
        chat = self.chat(request, chat_id)
        filing.update(request.user, chat, checked_body(serializers.ChatChangesSerializer, request))
        return Response(serializers.ChatSerializer(chat).data)

    @extend_schema(operation_id="chats_delete", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, chat_id: str) -> Response:
        """Can be undone for thirty days."""
        services.delete_chat(self.chat(request, chat_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class RestoreChat(ChatView):
    @extend_schema(
        operation_id="chats_restore", request=None, responses={200: serializers.ChatSerializer, 404: NOT_FOUND}
    )
    def post(self, request: Request, chat_id: str) -> Response:
        chat = access.deleted_chat_for(request.user, chat_id)
        services.restore_chat(chat)
        return Response(serializers.ChatSerializer(chat).data)


class ExportChat(ChatView):
    @extend_schema(operation_id="chats_export", responses={200: serializers.WholeChatSerializer, 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str) -> Response:
        """All messages as a JSON file."""
        chat = self.chat(request, chat_id)
        answer = Response(serializers.WholeChatSerializer(chat).data)
        answer["Content-Disposition"] = export.disposition(chat, "json")
        return answer


class ExportChatAsMarkdown(ChatView):
    @extend_schema(operation_id="chats_export_markdown", responses={(200, "text/markdown"): str, 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str) -> HttpResponse:
        """The shown branch as a Markdown file."""
        chat = self.chat(request, chat_id)
        return HttpResponse(
            export.as_markdown(chat),
            content_type="text/markdown; charset=utf-8",
            headers={"Content-Disposition": export.disposition(chat, "md")},
        )


class ExportChatWithFiles(ChatView):
    @extend_schema(
        operation_id="chats_export_zip", responses={(200, "application/zip"): OpenApiTypes.BINARY, 404: NOT_FOUND}
    )
    def get(self, request: Request, chat_id: str) -> StreamingHttpResponse:
        """Both exports with all pictures and files, in a ZIP archive."""
        chat = self.chat(request, chat_id)
        pieces = archive.pieces(chat)
        first = next(pieces)  # before the headers are sent: an error here is a response, not a broken archive
        return StreamingHttpResponse(
            waiting.later(first, pieces),
            content_type="application/zip",
            headers={"Content-Disposition": export.disposition(chat, "zip")},
        )


class MessageList(ChatView):
    @extend_schema(operation_id="messages_list", responses={200: serializers.MessagesSerializer, 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str) -> Response:
        """All messages, oldest first, and the last one of the shown branch."""
        chat = self.chat(request, chat_id)
        services.settle_stale(chat)
        return Response(serializers.MessagesSerializer({"messages": chat.messages.all(), "leaf": chat.leaf_id}).data)

    @extend_schema(
        operation_id="messages_create",
        request=serializers.NewMessageSerializer,
        responses={202: serializers.ExchangeSerializer, 404: NOT_FOUND, 409: CONFLICT},
    )
    def post(self, request: Request, chat_id: str) -> Response:
        chat = self.chat(request, chat_id)
        data = checked_body(serializers.NewMessageSerializer, request)
        parent = access.message_for(request.user, data["parent"], chat_id=chat.pk) if data["parent"] else None
        exchange = exchanges.add_message(
            chat,
            completion_request(request, data),
            content=data["content"],
            parent=parent,
            files=data["files"],
            message_id=data["id"],
        )
        return Response(_exchange(exchange), status.HTTP_202_ACCEPTED)


class MessageDetail(ChatView):
    @extend_schema(operation_id="messages_read", responses={200: serializers.MessageSerializer, 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str, message_id: str) -> Response:
        message = access.message_for(request.user, message_id, chat_id=chat_id)
        if message.is_running:
            services.settle_stale(message.chat)
            message.refresh_from_db()
        return Response(serializers.MessageSerializer(message).data)


class Regenerate(ChatView):
    @extend_schema(
        operation_id="messages_regenerate",
        request=serializers.RegenerateSerializer,
        responses={202: serializers.AnswerSerializer, 404: NOT_FOUND, 409: CONFLICT},
    )
    def post(self, request: Request, chat_id: str, message_id: str) -> Response:
        """Another answer beside this one (or below a question); the earlier ones stay."""
        message = access.message_for(request.user, message_id, chat_id=chat_id)
        data = checked_body(serializers.RegenerateSerializer, request)
        answer = exchanges.regenerate(message, completion_request(request, data), message_id=data["id"])
        return Response({"message": serializers.MessageSerializer(answer).data}, status.HTTP_202_ACCEPTED)


class EditMessage(ChatView):
    @extend_schema(
        operation_id="messages_edit",
        request=serializers.EditMessageSerializer,
        responses={202: serializers.ExchangeSerializer, 404: NOT_FOUND},
    )
    def post(self, request: Request, chat_id: str, message_id: str) -> Response:
        """A new version of the question, with an answer of its own, as a new branch."""
        message = access.message_for(request.user, message_id, chat_id=chat_id)
        data = checked_body(serializers.EditMessageSerializer, request)
        exchange = exchanges.edit_message(
            message,
            completion_request(request, data),
            content=data["content"],
            files=data["files"],
            message_id=data["id"],
        )
        return Response(_exchange(exchange), status.HTTP_202_ACCEPTED)


class ContinueAnswer(ChatView):
    @extend_schema(
        operation_id="messages_continue",
        request=serializers.CompletionOptionsSerializer,
        responses={202: serializers.AnswerSerializer, 404: NOT_FOUND, 409: CONFLICT},
    )
    def post(self, request: Request, chat_id: str, message_id: str) -> Response:
        """The model goes on with an answer that was cut off or stopped, in the same message."""
        message = access.message_for(request.user, message_id, chat_id=chat_id)
        data = checked_body(serializers.CompletionOptionsSerializer, request)
        answer = exchanges.continue_answer(message, completion_request(request, data))
        return Response({"message": serializers.MessageSerializer(answer).data}, status.HTTP_202_ACCEPTED)


class ReviseAnswer(ChatView):
    @extend_schema(
        operation_id="messages_revise",
        request=serializers.RevisionSerializer,
        responses={201: serializers.AnswerSerializer, 404: NOT_FOUND, 409: CONFLICT},
    )
    def post(self, request: Request, chat_id: str, message_id: str) -> Response:
        """The person's own version of an answer, beside it, from which the chat goes on."""
        message = access.message_for(request.user, message_id, chat_id=chat_id)
        content = checked_body(serializers.RevisionSerializer, request)["content"]
        version = exchanges.revise_answer(message, content)
        return Response({"message": serializers.MessageSerializer(version).data}, status.HTTP_201_CREATED)


class SelectBranch(ChatView):
    @extend_schema(
        operation_id="messages_select", request=None, responses={200: serializers.LeafSerializer, 404: NOT_FOUND}
    )
    def post(self, request: Request, chat_id: str, message_id: str) -> Response:
        message = access.message_for(request.user, message_id, chat_id=chat_id)
        return Response({"leaf": services.select_branch(message)})


class StopReply(ChatView):
    @extend_schema(operation_id="messages_stop", request=None, responses={202: None, 404: NOT_FOUND})
    def post(self, request: Request, chat_id: str, message_id: str) -> Response:
        """The text so far stays. Harmless when the reply is over; the end comes as an event."""
        services.stop_reply(access.message_for(request.user, message_id, chat_id=chat_id))
        return Response(status=status.HTTP_202_ACCEPTED)


class Preferences(APIView):
    @extend_schema(operation_id="preferences_read", responses=serializers.PreferencesSerializer)
    def get(self, request: Request) -> Response:
        return Response(services.preferences_of(caller_of(request).user_id))

    @extend_schema(
        operation_id="preferences_update",
        request=serializers.PreferencesSerializer,
        responses=serializers.PreferencesSerializer,
    )
    def patch(self, request: Request) -> Response:
        values = checked_body(serializers.PreferencesSerializer, request)
        return Response(services.set_preferences(caller_of(request).user_id, values))


def _folder(request: Request, data: dict[str, Any]) -> Folder | None:
    return access.folder_for(request.user, data["folder"]) if data["folder"] else None


def _exchange(exchange: exchanges.Exchange) -> dict[str, Any]:
    shown = {
        "user_message": serializers.MessageSerializer(exchange.question).data,
        "message": serializers.MessageSerializer(exchange.answer).data,
    }
    if exchange.comparison is None:
        return shown
    answers = serializers.MessageSerializer(exchange.answers, many=True).data
    return {**shown, "messages": answers, "comparison": exchange.comparison.pk}
