"""Shapes of episodes, their labels and replays."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from practice.api.serializers.base import Given, PersonField
from practice.models import Episode, Judgement, Label, Verdict
from practice.selectors.videos import CameraVideo, camera_videos

MAX_BULK = 1_000


class QualitySerializer(serializers.Serializer[Any]):
    """What was measured of a recording."""

    length = serializers.IntegerField(help_text="Control steps.")
    seconds = serializers.FloatField()
    idle_share = serializers.FloatField(help_text="Of the steps, in [0, 1].")
    idle_first = serializers.IntegerField(help_text="First step of the longest rest.")
    idle_end = serializers.IntegerField(help_text="The step after its last.")
    clipped_share = serializers.FloatField(
        allow_null=True, help_text="Of the action values, at a bound, in [0, 1]."
    )
    jerk = serializers.FloatField(
        allow_null=True, help_text="ln of the dimensionless squared jerk; more is less smooth."
    )
    dropped = serializers.IntegerField(help_text="Frames repeated while the robot moves.")
    length_z = serializers.FloatField(
        allow_null=True, help_text="Robust z of the log length within the dataset."
    )
    odd_length = serializers.BooleanField()
    duplicate_of = serializers.IntegerField(
        allow_null=True, help_text="The earlier episode that this one nearly repeats."
    )
    start = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="Where it starts on the dataset's two principal components.",
    )


class EpisodeSerializer(serializers.ModelSerializer[Episode]):
    """An episode, without its arrays."""

    task = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    dataset = serializers.IntegerField(source="dataset_id", allow_null=True)
    run = serializers.IntegerField(source="run_id", allow_null=True)
    checkpoint = serializers.IntegerField(
        source="checkpoint_id", allow_null=True, help_text="The policy its run started from."
    )
    length = serializers.IntegerField(help_text="Control steps.")
    seconds = serializers.SerializerMethodField(help_text="The same at the task's control rate.")
    d_start = serializers.FloatField(
        allow_null=True, help_text="Predicted steps-to-go at the start."
    )
    d_end = serializers.FloatField(allow_null=True, help_text="Predicted steps-to-go at the end.")
    excluded = serializers.BooleanField(help_text="Whether a person left it out of every set.")
    trim_first = serializers.IntegerField(
        allow_null=True, help_text="The first control step that counts; null: from the start."
    )
    trim_end = serializers.IntegerField(
        allow_null=True, help_text="The step after the last that counts; null: to the end."
    )
    doubt = serializers.FloatField(help_text="How much a person's look is worth, in [0, 1].")
    verdict = serializers.CharField(
        help_text="The newest label's verdict; empty: nobody has looked."
    )

    quality = serializers.SerializerMethodField(help_text="null: not measured yet.")

    class Meta:
        model = Episode
        fields = [
            "id",
            "task",
            "kind",
            "dataset",
            "run",
            "checkpoint",
            "uid",
            "robot",
            "iteration",
            "instruction",
            "seed",
            "length",
            "seconds",
            "ended_by",
            "detector_success",
            "true_success",
            "d_start",
            "d_end",
            "spread_end",
            "doubt",
            "verdict",
            "approved",
            "excluded",
            "trim_first",
            "trim_end",
            "quality",
            "recorded_at",
        ]
        read_only_fields = fields

    def get_seconds(self, episode: Episode) -> float:
        """How long it took."""
        return float(f"{episode.length / episode.task.control_hz:.6g}")

    @extend_schema_field(QualitySerializer(allow_null=True))
    def get_quality(self, episode: Episode) -> dict[str, Any] | None:
        """What was measured, as it was stored."""
        return episode.quality or None


class LabelSerializer(serializers.ModelSerializer[Label]):
    """What one person said at one time."""

    by = PersonField()

    class Meta:
        model = Label
        fields = ["id", "verdict", "note", "by", "at"]
        read_only_fields = fields


class VideoSerializer(serializers.Serializer[Any]):
    """Where a camera's video of an episode is: frame k stands at `start` + k / `fps` seconds of the mp4."""

    camera = serializers.CharField(source="name")
    url = serializers.SerializerMethodField()
    start = serializers.FloatField(help_text="Of the first frame, seconds.")
    fps = serializers.FloatField(help_text="Frames per second.")

    def get_url(self, video: CameraVideo) -> str:
        """Where its bytes are, in ranges."""
        return reverse("api:episode_video", args=[video.episode.pk, video.name])


class EpisodeDetailSerializer(EpisodeSerializer):
    """An episode with its cameras' videos and all its labels, the newest first."""

    videos = serializers.SerializerMethodField(help_text="Cameras that came as video.")
    labels = LabelSerializer(many=True)

    class Meta(EpisodeSerializer.Meta):
        fields = [*EpisodeSerializer.Meta.fields, "videos", "labels"]
        read_only_fields = fields

    @extend_schema_field(VideoSerializer(many=True))
    def get_videos(self, episode: Episode) -> list[dict[str, Any]]:
        """By the camera's name."""
        return [dict(VideoSerializer(video).data) for video in camera_videos(episode)]


class LabelGiven(Given):
    """A verdict on an episode."""

    verdict = serializers.ChoiceField(choices=Verdict.choices)
    note = serializers.CharField(required=False, allow_blank=True, max_length=2_000)


class ApprovalGiven(Given):
    """Whether an episode may be trained on; null takes the decision back."""

    approved = serializers.BooleanField(allow_null=True)


class BulkApprovalGiven(ApprovalGiven):
    """The same for many episodes at once."""

    episodes = serializers.ListField(
        child=serializers.IntegerField(min_value=1), min_length=1, max_length=MAX_BULK
    )


class ApprovedSerializer(serializers.Serializer[Any]):
    """How many episodes were changed."""

    changed = serializers.IntegerField()


class JudgeGiven(Given):
    """Which reward model is to look."""

    reward = serializers.IntegerField(min_value=1, help_text="A reward checkpoint of the task.")


class JudgementSerializer(serializers.ModelSerializer[Judgement]):
    """What a reward model says of an episode; empty while it is being computed."""

    distance = serializers.ListField(
        child=serializers.FloatField(), help_text="d(o, g) per observation, steps."
    )
    spread = serializers.ListField(
        child=serializers.FloatField(), help_text="Standard deviation of the prediction, steps."
    )

    class Meta:
        model = Judgement
        fields = ["episode", "reward", "distance", "spread", "error", "asked_at"]
        read_only_fields = fields


class MomentSerializer(serializers.Serializer[Any]):
    """A frame worth jumping to."""

    step = serializers.IntegerField()
    name = serializers.CharField()


class CurveSerializer(serializers.Serializer[Any]):
    """One vector over time; `values` holds one list per channel."""

    name = serializers.CharField()
    unit = serializers.CharField(allow_blank=True)
    channels = serializers.ListField(child=serializers.CharField())
    values = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField(allow_null=True))
    )


class ReplaySerializer(serializers.Serializer[Any]):
    """An episode's arrays: T+1 observations, T actions; a number that is not known is null."""

    episode = serializers.IntegerField()
    steps = serializers.IntegerField(help_text="T, control steps.")
    hz = serializers.FloatField(help_text="Steps per second.")
    threshold = serializers.FloatField(help_text="s that judged the episode, steps.")
    distance = serializers.ListField(
        child=serializers.FloatField(allow_null=True),
        allow_null=True,
        help_text="d(o, g) per observation, steps; null without a reward model.",
    )
    spread = serializers.ListField(
        child=serializers.FloatField(allow_null=True),
        allow_null=True,
        help_text="Standard deviation of the prediction, steps.",
    )
    discounted_return = serializers.FloatField(
        source="return", allow_null=True, help_text="Of the first step, steps."
    )
    curves = CurveSerializer(many=True)
    moments = MomentSerializer(many=True)
