"""Episodes: find, replay, label, approve."""

from collections.abc import Iterable

from django.db.models import QuerySet, prefetch_related_objects
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
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
    JudgeGiven,
    JudgementSerializer,
    LabelGiven,
    LabelSerializer,
    ReplaySerializer,
)
from practice.errors import MissingError
from practice.files import not_modified, streamed
from practice.models import Episode, User
from practice.selectors.checkpoints import reward_model
from practice.selectors.episodes import chosen_episodes, visible_episode
from practice.selectors.replay import judgement_of, replay_payload
from practice.selectors.videos import CONTENT_TYPE, camera_video
from practice.services.judging import ask_judgement
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

    @extend_schema(
        operation_id="replay_episode",
        parameters=[
            OpenApiParameter(
                "judge", int, description="A reward model that was asked: its d, not the recorded."
            )
        ],
    )
    def get(self, request: Request, pk: int) -> Response:
        """An episode's observations, actions, predicted steps-to-go and key moments."""
        episode = visible_episode(self.person, pk)
        chosen = request.query_params.get("judge", "")
        judgement = None
        if chosen:
            judgement = judgement_of(episode, reward_model(self.person, chosen).pk)
            if judgement is None:
                raise MissingError(
                    f"Reward model {chosen} has not judged episode {pk}; ask it and come back."
                )
        return Response(ReplaySerializer(replay_payload(episode, judgement)).data)


class EpisodeVideo(Endpoint):
    """What a camera filmed."""

    serializer_class = None

    @extend_schema(
        operation_id="get_episode_video", responses={(200, CONTENT_TYPE): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, pk: int, camera: str) -> HttpResponseBase:
        """The mp4 that holds an episode of a camera, or a range of it; others may lie before and after."""
        video = camera_video(visible_episode(self.person, pk), camera)
        held = not_modified(request._request, video.tag)
        if held is not None:
            return held
        return streamed(request._request, video.path(), tag=video.tag, content_type=CONTENT_TYPE)


class EpisodeJudge(Endpoint):
    """Another reward model's look."""

    serializer_class = JudgementSerializer

    @extend_schema(
        operation_id="judge_episode", request=JudgeGiven, responses={202: JudgementSerializer}
    )
    def post(self, _request: Request, pk: int) -> Response:
        """Let a reward model look at an episode; ask again to see whether it has answered."""
        reward = reward_model(self.person, str(self.given(JudgeGiven)["reward"]))
        judgement = ask_judgement(visible_episode(self.person, pk), reward, by=self.person)
        return Response(JudgementSerializer(judgement).data, status=202)


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
