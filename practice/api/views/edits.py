"""Corrections of episodes: leave out, trim, reword, and take back."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from practice.api.base import Endpoint, ListEndpoint
from practice.api.serializers.edits import (
    BulkExclusionGiven,
    DatasetRewordGiven,
    EditSerializer,
    RewordGiven,
    TrimGiven,
)
from practice.api.serializers.episodes import ApprovedSerializer, EpisodeDetailSerializer
from practice.api.views.episodes import all_of, shown
from practice.models import EpisodeEdit
from practice.selectors.datasets import find_dataset
from practice.selectors.edits import edits_of, find_edit
from practice.selectors.episodes import visible_episode
from practice.services.edits import (
    exclude_episodes,
    reword_dataset,
    reword_episodes,
    trim_episode,
    undo_edit,
)


class EpisodesExclude(Endpoint):
    """Leaving many episodes out."""

    serializer_class = ApprovedSerializer

    @extend_schema(
        operation_id="exclude_episodes",
        request=BulkExclusionGiven,
        responses={200: ApprovedSerializer},
    )
    def post(self, _request: Request) -> Response:
        """Leave episodes out of every set, or take them in again; when one of them does not exist, none is changed."""
        given = self.given(BulkExclusionGiven)
        episodes = all_of(self.person, given.pop("episodes"))
        changed = exclude_episodes(episodes, by=self.person, **given)
        return Response(ApprovedSerializer({"changed": changed}).data)


class DatasetReword(Endpoint):
    """Instructions of a dataset."""

    serializer_class = ApprovedSerializer

    @extend_schema(
        operation_id="reword_dataset",
        request=DatasetRewordGiven,
        responses={200: ApprovedSerializer},
    )
    def post(self, _request: Request, pk: int) -> Response:
        """Give all episodes that came with it and have one instruction another; each can be taken back by itself."""
        given = self.given(DatasetRewordGiven)
        changed = reword_dataset(
            find_dataset(self.person, pk), given.pop("instruction"), by=self.person, **given
        )
        return Response(ApprovedSerializer({"changed": changed}).data)


class EpisodeTrim(Endpoint):
    """A trim."""

    serializer_class = EpisodeDetailSerializer

    @extend_schema(
        operation_id="trim_episode", request=TrimGiven, responses={200: EpisodeDetailSerializer}
    )
    def post(self, _request: Request, pk: int) -> Response:
        """Let only some of an episode's control steps count; nulls let all count again."""
        given = self.given(TrimGiven)
        trim_episode(visible_episode(self.person, pk), by=self.person, **given)
        return shown(visible_episode(self.person, pk))


class EpisodeReword(Endpoint):
    """Another instruction."""

    serializer_class = EpisodeDetailSerializer

    @extend_schema(
        operation_id="reword_episode", request=RewordGiven, responses={200: EpisodeDetailSerializer}
    )
    def post(self, _request: Request, pk: int) -> Response:
        """Give an episode another instruction; its robot must understand it."""
        given = self.given(RewordGiven)
        reword_episodes([visible_episode(self.person, pk)], by=self.person, **given)
        return shown(visible_episode(self.person, pk))


class EpisodeEdits(ListEndpoint):
    """Corrections of one episode."""

    serializer_class = EditSerializer
    queryset = EpisodeEdit.objects.none()

    def get_queryset(self) -> QuerySet[EpisodeEdit]:
        """The episode's edits."""
        return edits_of(visible_episode(self.person, self.kwargs["pk"]))

    @extend_schema(operation_id="list_episode_edits", responses=EditSerializer(many=True))
    def get(self, _request: Request, pk: int) -> Response:
        """What people corrected on an episode, the newest first."""
        return self.paged()


class EditUndo(Endpoint):
    """Taking a correction back."""

    serializer_class = EditSerializer

    @extend_schema(operation_id="undo_edit", request=None, responses={200: EditSerializer})
    def post(self, _request: Request, pk: int) -> Response:
        """Take one correction back, the newest of its fields first."""
        edit = find_edit(self.person, pk)
        undo_edit(edit, by=self.person)
        return Response(EditSerializer(edit).data)
