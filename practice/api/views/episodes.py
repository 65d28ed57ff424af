"""Episodes: find, replay, label, approve."""

from collections.abc import Iterable

from django.db.models import QuerySet, prefetch_related_objects
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint, ListEndpoint
from practice.api.filters import EpisodeFilters
from practice.api.serializers.episodes import (
    ApprovalGiven,
    ApprovedSerializer,
    BulkApprovalGiven,
    EpisodeDetailSerializer,
    EpisodeSerializer,
    LabelGiven,
    LabelSerializer,
    ReplaySerializer,
)
from practice.models import Episode, User
from practice.selectors.episodes import chosen_episodes, visible_episode
from practice.selectors.replay import replay_payload
from practice.services.labels import approve_episodes, label_episode


class EpisodeList(ListEndpoint):
    """All episodes."""

    serializer_class = EpisodeSerializer
    filterset_class = EpisodeFilters

    def get_queryset(self) -> QuerySet[Episode]:
        """What this person may see."""
        return Episode.objects.visible_to(self.request.user).select_related("task")

    @extend_schema(operation_id="list_episodes", responses=EpisodeSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Episodes, newest or most doubtful first."""
        return self.paged()


class EpisodeDetail(Endpoint):
    """One episode."""

    serializer_class = EpisodeDetailSerializer

    @extend_schema(operation_id="get_episode")
    def get(self, _request: Request, pk: int) -> Response:
        """One episode with its labels."""
        return shown(visible_episode(self.person, pk))


class EpisodeReplay(Endpoint):
    """The arrays of one episode."""

    serializer_class = ReplaySerializer

    @extend_schema(operation_id="replay_episode")
    def get(self, _request: Request, pk: int) -> Response:
        """An episode's observations, actions, predicted steps-to-go and key moments."""
        return Response(ReplaySerializer(replay_payload(visible_episode(self.person, pk))).data)


class EpisodeLabel(Endpoint):
    """A verdict."""

    serializer_class = LabelSerializer

    @extend_schema(
        operation_id="label_episode", request=LabelGiven, responses={201: LabelSerializer}
    )
    def post(self, _request: Request, pk: int) -> Response:
        """Say success, failure or unsure; earlier verdicts stay on record."""
        given = self.given(LabelGiven)
        label = label_episode(visible_episode(self.person, pk), by=self.person, **given)
        return Response(LabelSerializer(label).data, status=201)


class EpisodeApprove(Endpoint):
    """Approval for training."""

    serializer_class = EpisodeDetailSerializer

    @extend_schema(
        operation_id="approve_episode",
        request=ApprovalGiven,
        responses={200: EpisodeDetailSerializer},
    )
    def post(self, _request: Request, pk: int) -> Response:
        """Approve an episode for training, refuse it, or take the decision back."""
        given = self.given(ApprovalGiven)
        episode = visible_episode(self.person, pk)
        approve_episodes([episode], by=self.person, approved=given["approved"])
        return shown(episode)


class EpisodesApprove(Endpoint):
    """Approval of many episodes."""

    serializer_class = ApprovedSerializer

    @extend_schema(
        operation_id="approve_episodes",
        request=BulkApprovalGiven,
        responses={200: ApprovedSerializer},
    )
    def post(self, _request: Request) -> Response:
        """Approve many episodes at once; when one of them does not exist, none is changed."""
        given = self.given(BulkApprovalGiven)
        episodes = all_of(self.person, given["episodes"])
        changed = approve_episodes(episodes, by=self.person, approved=given["approved"])
        return Response(ApprovedSerializer({"changed": changed}).data)


def all_of(person: User, ids: Iterable[int]) -> list[Episode]:
    """The episodes of these ids, each once.

    Raises:
        ValidationError: one of them does not exist, or this person may not see it.
    """
    wanted = set(ids)
    episodes = list(chosen_episodes(person, sorted(wanted)))
    missing = sorted(wanted - {episode.pk for episode in episodes})
    if missing:
        raise ValidationError({"episodes": f"There is no episode {missing[0]}."})
    return episodes


def shown(episode: Episode) -> Response:
    """An episode with its labels."""
    prefetch_related_objects([episode], "labels__by")
    return Response(EpisodeDetailSerializer(episode).data)
