"""The sockets. The composition root puts the check of the origin before them."""

from typing import Any, cast

from django.urls import path

from practice.live.events import EventsConsumer
from practice.live.pictures import PicturesConsumer

websocket_urlpatterns = [
    path("ws/events/", cast(Any, EventsConsumer.as_asgi())),
    path("ws/live/", cast(Any, PicturesConsumer.as_asgi())),
]
