"""Where everything hangs: pages, API, the admin site, health and metrics."""

from django.contrib import admin
from django.urls import include, path

from efmweb.health import health
from efmweb.metrics import metrics

handler500 = "efmweb.failures.server_error"

urlpatterns = [
    path("health", health, name="health"),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("api/", include("practice.api.urls")),
    path("", include("practice.web.urls")),
]
