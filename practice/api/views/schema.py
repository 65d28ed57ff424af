"""The OpenAPI description and its pages, for people who are signed in."""

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from practice.api.base import Endpoint
from practice.api.openapi import SETTINGS
from practice.roles import Role


class Schema(SpectacularAPIView):
    """The OpenAPI description, as YAML or, with Accept, JSON."""

    authentication_classes = Endpoint.authentication_classes
    permission_classes = Endpoint.permission_classes
    metadata_class = None
    reads = Role.VIEWER
    writes = Role.VIEWER
    # The same for everybody: it describes what there is, not what one role may do.
    serve_public = True
    custom_settings = SETTINGS


class Docs(SpectacularSwaggerSplitView):
    """The same to read and try in the browser; its script comes as a file of its own, for no page runs inline script."""

    authentication_classes = Endpoint.authentication_classes
    permission_classes = Endpoint.permission_classes
    metadata_class = None
    reads = Role.VIEWER
    writes = Role.VIEWER
    url_name = "api:schema"
