"""Tools and tool servers as JSON: what the caller may use, their grants, and their answer to the question of a tool."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from chat import access, runs
from chat.api import NOT_FOUND, ChatView
from chat.serializers import ProblemSerializer
from chat.tool_servers import services
from chat.tools.approvals import DECISIONS
from providers.addresses import site_origin_for
from providers.authentication import caller_of
from providers.rest import checked_body

NOT_WAITING = OpenApiResponse(ProblemSerializer, description="The answer does not wait (`not_waiting`)")
REFUSED = OpenApiResponse(ProblemSerializer, description="The tool server does not answer as it should")


class ToolSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="As models call it")
    title = serializers.CharField()
    description = serializers.CharField()
    server = serializers.CharField(allow_null=True, help_text="The tool server; null for tools of this site")
    asks = serializers.BooleanField(help_text="Whether you are asked before each call")
    parameters = serializers.JSONField(help_text="The JSON schema of its arguments")


class ToolListSerializer(serializers.Serializer[Any]):
    results = ToolSerializer(many=True)


class ToolServerSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    tools = serializers.ListField(child=serializers.CharField(), help_text="What they are called")
    needs_grant = serializers.BooleanField(help_text="Whether it wants a grant of your own")
    connected = serializers.BooleanField()


class ToolServerListSerializer(serializers.Serializer[Any]):
    results = ToolServerSerializer(many=True)


class ConsentSerializer(serializers.Serializer[Any]):
    url = serializers.CharField(help_text="Where you consent, in a browser that is signed in here; then you come back")


class DecisionSerializer(serializers.Serializer[Any]):
    message_id = serializers.UUIDField(help_text="The answer that waits")
    question = serializers.RegexField("^[0-9a-f]{1,40}$", help_text="`approval.id` of its status line")
    decision = serializers.ChoiceField(DECISIONS)


class ToolList(ChatView):
    @extend_schema(operation_id="tools_list", responses=ToolListSerializer)
    def get(self, request: Request) -> Response:
        """The tools that models may call in your name."""
        return Response({"results": ToolSerializer(services.tools_of(caller_of(request)), many=True).data})


class ToolDecision(ChatView):
    @extend_schema(
        operation_id="tools_decide",
        request=DecisionSerializer,
        responses={204: None, 404: NOT_FOUND, 409: NOT_WAITING},
    )
    def post(self, request: Request) -> Response:
        """Allow or refuse the call for which an answer waits."""
        body = checked_body(DecisionSerializer, request)
        runs.decide(request.user, access.as_uuid(body["message_id"]), body["question"], body["decision"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class ToolServerList(ChatView):
    @extend_schema(operation_id="tool_servers_list", responses=ToolServerListSerializer)
    def get(self, request: Request) -> Response:
        servers = services.servers_of(caller_of(request))
        return Response({"results": ToolServerSerializer(servers, many=True).data})


class ToolServerGrant(ChatView):
    @extend_schema(
        operation_id="tool_servers_connect",
        request=None,
        responses={200: ConsentSerializer, 404: NOT_FOUND, 502: REFUSED},
    )
    def post(self, request: Request, server_id: int) -> Response:
        """Begin to connect: open the address that is returned."""
        callback = services.callback_for(site_origin_for(request))
        return Response({"url": services.begin_grant(caller_of(request), server_id, callback)})

    @extend_schema(operation_id="tool_servers_disconnect", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, server_id: int) -> Response:
        services.drop_grant(caller_of(request), server_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
