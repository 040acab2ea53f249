"""A person's devices as JSON."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api import ChatView
from chat.models import PushDevice
from chat.push import devices, keys
from chat.serializers import ProblemSerializer
from providers.authentication import caller_of
from providers.json_bodies import TextField
from providers.rest import checked_body


class KeySerializer(serializers.Serializer[Any]):
    public_key = serializers.CharField(help_text="`applicationServerKey` of a subscription")


class SubscriptionKeysSerializer(serializers.Serializer[Any]):
    p256dh = serializers.CharField(max_length=100)
    auth = serializers.CharField(max_length=50)


class SubscriptionSerializer(serializers.Serializer[Any]):
    """A browser's `PushSubscription`, as it writes itself as JSON."""

    endpoint = serializers.CharField(max_length=devices.LONGEST_ADDRESS)
    keys = SubscriptionKeysSerializer()
    name = TextField(max_length=100, required=False, help_text="Otherwise made of the browser's name")


class DeviceSerializer(serializers.ModelSerializer[PushDevice]):
    class Meta:
        model = PushDevice
        fields = ("id", "name", "created", "last_told")
        read_only_fields = fields


class DevicesSerializer(serializers.Serializer[Any]):
    results = DeviceSerializer(many=True)


NOT_FOUND = OpenApiResponse(ProblemSerializer, description="Not there, or not yours")
FULL = OpenApiResponse(ProblemSerializer, description="No more fit (`too_many_devices`)")


class PushKeyDetail(ChatView):
    @extend_schema(operation_id="push_key", responses=KeySerializer)
    def get(self, request: Request) -> Response:
        return Response({"public_key": keys.key_pair().public})


class DeviceList(ChatView):
    @extend_schema(operation_id="push_devices_list", responses=DevicesSerializer)
    def get(self, request: Request) -> Response:
        rows = devices.of(caller_of(request).user_id)
        return Response({"results": DeviceSerializer(rows, many=True).data})

    @extend_schema(
        operation_id="push_devices_create",
        request=SubscriptionSerializer,
        responses={201: DeviceSerializer, 409: FULL},
    )
    def post(self, request: Request) -> Response:
        data = checked_body(SubscriptionSerializer, request)
        name = data.get("name") or devices.name_of(request.headers.get("User-Agent", "")[:500])
        row = devices.keep(caller_of(request).user_id, {"endpoint": data["endpoint"], **data["keys"]}, name=name)
        return Response(DeviceSerializer(row).data, status.HTTP_201_CREATED)


class DeviceDetail(ChatView):
    @extend_schema(operation_id="push_devices_delete", responses={204: None, 404: NOT_FOUND})
    def delete(self, request: Request, device_id: str) -> Response:
        devices.device_for(caller_of(request).user_id, device_id).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)
