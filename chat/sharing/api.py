"""Sharing over the API: the owner's link, and the shared chat for whoever has the link."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from chat import access
from chat.api import NOT_FOUND, ChatView
from chat.models import Share
from chat.pages import queries
from chat.serializers import ChatSerializer, MessageFilesField
from chat.sharing import services
from providers import addresses
from providers.rest import ListPages, checked_body


class ShareSerializer(serializers.ModelSerializer[Share]):
    """`up_to_date` is false when the chat has new messages, or shows another branch, since it was shared."""

    url = serializers.SerializerMethodField()
    up_to_date = serializers.SerializerMethodField()

    class Meta:
        model = Share
        fields: tuple[str, ...] = (
            "id", "url", "created", "updated", "up_to_date", "public", "shows_name", "expires_at", "has_ended",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(str)
    def get_url(self, share: Share) -> str:
        return services.address_of(share, self.context["origin"])

    @extend_schema_field(bool)
    def get_up_to_date(self, share: Share) -> bool:
        return services.is_up_to_date(share)


class OwnShareSerializer(ShareSerializer):
    chat_id = serializers.UUIDField()
    title = serializers.CharField(source="chat.title")

    class Meta(ShareSerializer.Meta):
        fields: tuple[str, ...] = (*ShareSerializer.Meta.fields, "chat_id", "title")
        read_only_fields = fields

    def get_up_to_date(self, share: Share) -> bool:
        """By the end of the shown branch alone: a list asks for no messages."""
        return share.leaf_id == share.chat.leaf_id


class OwnSharePageSerializer(serializers.Serializer[Any]):
    results = OwnShareSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The address of the next page")


class TermsSerializer(serializers.Serializer[Any]):
    """Who reads a shared chat, and until when. What is left out stays as it is."""

    public = serializers.BooleanField(required=False, help_text="Also without signing in, where the site allows it")
    shows_name = serializers.BooleanField(required=False, help_text="Readers see the owner's name")
    expires_at = serializers.DateTimeField(required=False, allow_null=True, help_text="null: until it is taken back")


class SharedMessageSerializer(serializers.Serializer[queries.SharedEntry]):
    """A message as its readers see it."""

    id = serializers.UUIDField(source="message.pk")
    role = serializers.CharField(source="message.role")
    content = serializers.CharField(source="message.content")
    model = serializers.CharField(source="model_name")
    status = serializers.CharField(source="message.status")
    files = MessageFilesField()
    created = serializers.DateTimeField(source="message.created")


class SharedChatSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    shared_by = serializers.CharField()
    created = serializers.DateTimeField()
    messages = SharedMessageSerializer(many=True)


class ShareChat(ChatView):
    @extend_schema(operation_id="chats_share_read", responses={200: ShareSerializer, 404: NOT_FOUND})
    def get(self, request: Request, chat_id: str) -> Response:
        share = access.own_share_for(request.user, chat_id)
        return Response(_shape(share, addresses.site_origin_for(request)))

    @extend_schema(
        operation_id="chats_share",
        request=TermsSerializer,
        responses={200: ShareSerializer, 201: ShareSerializer, 404: NOT_FOUND},
    )
    def post(self, request: Request, chat_id: str) -> Response:
        """Share the shown branch with everybody who is signed in and has the link, or with `public` with everybody who
        has it; again: up to what is shown now.
        """
        chat = self.chat(request, chat_id)
        origin = addresses.site_origin_for(request)  # first: without the site's address there is no link to hand out
        share, is_new = services.share_chat(chat, **_terms(request))
        return Response(_shape(share, origin), status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)

    @extend_schema(
        operation_id="chats_share_change", request=TermsSerializer, responses={200: ShareSerializer, 404: NOT_FOUND}
    )
    def patch(self, request: Request, chat_id: str) -> Response:
        """Change who reads it and until when; the messages that they see stay the same."""
        share = services.change_terms(
            access.own_share_for(request.user, chat_id), **checked_body(TermsSerializer, request)
        )
        return Response(_shape(share, addresses.site_origin_for(request)))

    @extend_schema(operation_id="chats_unshare", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, chat_id: str) -> Response:
        """The link stops working at once. Harmless for a chat that is not shared."""
        services.unshare(self.chat(request, chat_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SharePages(ListPages):
    page_size = 50
    max_page_size = 200


class OwnShares(ChatView):
    @extend_schema(
        operation_id="shares_list", parameters=SharePages.parameters(), responses={200: OwnSharePageSerializer}
    )
    def get(self, request: Request) -> Response:
        """All links to one's own chats, those that have ended too."""
        context = {"origin": addresses.site_origin_for(request)}
        shares = access.own_shares(request.user)
        return SharePages.respond(shares, self, lambda share: OwnShareSerializer(share, context=context).data)


class SharedChat(ChatView):
    @extend_schema(operation_id="shared_read", responses={200: SharedChatSerializer, 404: NOT_FOUND})
    def get(self, request: Request, share_id: str) -> Response:
        """A shared chat, for whoever is signed in and has its id."""
        share = access.share_for(share_id)
        shared = {
            "id": share.pk,
            "title": share.chat.title,
            "shared_by": share.chat.user.get_short_name() if share.shows_name else "",
            "created": share.created,
            "messages": queries.shared_entries(share, access.readable(share)),
        }
        return Response(SharedChatSerializer(shared).data)


class ContinueSharedChat(ChatView):
    @extend_schema(operation_id="shared_continue", request=None, responses={201: ChatSerializer, 404: NOT_FOUND})
    def post(self, request: Request, share_id: str) -> Response:
        """A chat of the caller's own that begins with the shared messages and their files."""
        chat = services.continue_shared(access.share_for(share_id), request.user)
        return Response(ChatSerializer(chat).data, status.HTTP_201_CREATED)


def _terms(request: Request) -> dict[str, Any]:
    """The terms in the body; none in a request without one, or with another form than JSON."""
    has_body = "json" in (request.content_type or "")
    return dict(checked_body(TermsSerializer, request)) if has_body else {}


def _shape(share: Share, origin: str) -> Any:
    return ShareSerializer(share, context={"origin": origin}).data
