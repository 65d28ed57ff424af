"""Estimates: what a run would cost, asked before it is launched."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint
from practice.api.serializers.estimates import EstimateSerializer
from practice.api.serializers.runs import RunGiven
from practice.api.views.runs import datasets_of
from practice.selectors.estimates import find_estimate
from practice.services.estimates import ask_estimate, stop_estimate


class EstimateList(Endpoint):
    """Ask."""

    serializer_class = EstimateSerializer

    @extend_schema(
        operation_id="ask_estimate", request=RunGiven, responses={202: EstimateSerializer}
    )
    def post(self, _request: Request) -> Response:
        """Ask what the run of this body would cost; one of the last hour is given as it is."""
        given = self.given(RunGiven)
        given["datasets"] = datasets_of(given.get("datasets", []), self.person)
        estimate = ask_estimate(given.pop("task"), by=self.person, **given)
        return Response(EstimateSerializer(estimate).data, status=202)


class EstimateDetail(Endpoint):
    """One estimate."""

    serializer_class = EstimateSerializer

    @extend_schema(operation_id="get_estimate")
    def get(self, _request: Request, pk: int) -> Response:
        """How far it is, and what was found out."""
        return Response(EstimateSerializer(find_estimate(self.person, pk)).data)


class EstimateStop(Endpoint):
    """Stop."""

    serializer_class = EstimateSerializer

    @extend_schema(operation_id="stop_estimate", request=None, responses={200: EstimateSerializer})
    def post(self, _request: Request, pk: int) -> Response:
        """Give it up."""
        stopped = stop_estimate(find_estimate(self.person, pk), by=self.person)
        return Response(EstimateSerializer(stopped).data)
