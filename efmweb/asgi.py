"""The ASGI application: pages and API through Django, sockets through Channels."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "efmweb.settings")
# The web process serves many requests at once; workers open one connection per slot instead.
os.environ.setdefault("EFM_DB_POOL", "8")

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

http = get_asgi_application()

# After Django is set up, for consumers import models.
from efmweb.origin import SameOrigin  # noqa: E402
from practice.live.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {"http": http, "websocket": SameOrigin(URLRouter(websocket_urlpatterns))}
)
