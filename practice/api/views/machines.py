"""What there is to practise with: embodiments, presets, workers."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint
from practice.api.serializers.base import Given
from practice.api.serializers.machines import (
    EmbodimentSerializer,
    PresetsSerializer,
    WorkerSerializer,
)
from practice.embodiments.registry import embodiments
from practice.learning.config import CONFIGS
from practice.learning.presets import presets
from practice.models import Run
from practice.selectors.workers import crew


class EmbodimentList(Endpoint):
    """Kinds of robots."""

    serializer_class = EmbodimentSerializer

    @extend_schema(operation_id="list_embodiments", responses=EmbodimentSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Every known embodiment."""
        return Response(EmbodimentSerializer(embodiments(), many=True).data)


class PresetsGiven(Given):
    """Which presets; left out: all."""

    kind = serializers.ChoiceField(choices=Run.Kind.choices, required=False)
    embodiment = serializers.CharField(required=False)

    def validate_embodiment(self, value: str) -> str:
        """One of those that are known."""
        known = [spec.id for spec in embodiments()]
        if value not in known:
            raise serializers.ValidationError(f"Unknown; known: {', '.join(known)}.")
        return value


class PresetList(Endpoint):
    """Named configurations."""

    serializer_class = PresetsSerializer

    @extend_schema(
        operation_id="list_presets",
        parameters=[PresetsGiven],
        responses=PresetsSerializer(many=True),
    )
    def get(self, _request: Request) -> Response:
        """Presets per kind of run and embodiment, with their configuration and what each setting means."""
        asked = self.asked(PresetsGiven)
        kinds = [asked["kind"]] if "kind" in asked else list(CONFIGS)
        robots = [asked["embodiment"]] if "embodiment" in asked else [s.id for s in embodiments()]
        found = [_presets(kind, robot) for robot in robots for kind in kinds]
        return Response(PresetsSerializer(found, many=True).data)


def _presets(kind: Any, embodiment_id: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "embodiment": embodiment_id,
        "presets": [
            {
                "name": preset.name,
                "title": preset.title,
                "description": preset.description,
                "config": preset.config.to_json(),
                "asks": preset.asks,
            }
            for preset in presets(kind, embodiment_id).values()
        ],
        "settings": CONFIGS[kind].describe(),
    }


class WorkerList(Endpoint):
    """Workers."""

    serializer_class = WorkerSerializer

    @extend_schema(operation_id="list_workers", responses=WorkerSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Workers heard of within a day: their devices, queues and runs."""
        lines = [
            {
                "worker": line.worker,
                "free": line.free,
                "alive": line.alive,
                "runs": [run.pk for run in line.runs],
            }
            for line in crew().lines
        ]
        return Response(WorkerSerializer(lines, many=True).data)
