"""The route of the WebSocket."""

from django.urls import path

from chat.sockets.consumers import EventsConsumer

websocket_urlpatterns = [path("ws/events", EventsConsumer.as_asgi())]
