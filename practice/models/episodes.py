"""Episodes and the labels people give them."""

from django.conf import settings
from django.db import models

from practice.models.checkpoints import Checkpoint
from practice.models.datasets import Dataset
from practice.models.runs import Run
from practice.models.tasks import Task
from practice.querysets import EpisodeQuerySet


class Verdict(models.TextChoices):
    """What a person says of an episode."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNSURE = "unsure"


class Episode(models.Model):
    """One episode; its rows (observations, actions, d) lie in a parquet shard at `blob_key`."""

    class Kind(models.TextChoices):
        DEMONSTRATION = "demonstration"
        PRACTICE = "practice"
        EVALUATION = "evaluation"

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="episodes")
    kind = models.CharField(max_length=14, choices=Kind.choices)
    dataset = models.ForeignKey(
        Dataset, null=True, blank=True, on_delete=models.PROTECT, related_name="episodes"
    )
    run = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.PROTECT, related_name="episodes"
    )
    checkpoint = models.ForeignKey(
        Checkpoint, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    """The policy the run started from."""
    uid = models.CharField(max_length=60)
    """Unique within its run or dataset, and the same when a resumed run lives it again."""
    robot = models.PositiveIntegerField(default=0)
    iteration = models.PositiveIntegerField(default=0)
    instruction = models.TextField()
    seed = models.BigIntegerField(default=0)
    length = models.PositiveIntegerField()
    """Control steps."""
    ended_by = models.CharField(max_length=10, blank=True)
    detector_success = models.BooleanField(null=True)
    true_success = models.BooleanField(null=True)
    """What a simulator knows; null where nobody knows."""
    d_start = models.FloatField(null=True)
    d_end = models.FloatField(null=True)
    """Predicted steps-to-go at the first and last frame, control steps."""
    spread_end = models.FloatField(null=True)
    doubt = models.FloatField(default=0.0)
    """How much a person's look is worth, in [0, 1]; the review queue is sorted by it."""
    blob_key = models.CharField(max_length=200, blank=True)
    """The shard; empty where the task's recording left this one out."""
    first_row = models.PositiveBigIntegerField()
    rows = models.PositiveIntegerField()
    videos = models.JSONField(default=dict, blank=True)
    """Cameras that came as video: name -> {"key", "start", "fps"}; frame k stands at start + k / fps seconds."""
    quality = models.JSONField(default=dict, blank=True)
    """As `practice.episodes.quality.Quality.to_json` gives it; empty until somebody has looked."""
    excluded = models.BooleanField(default=False)
    """Whether a person left it out of every set it would be in."""
    trim_first = models.PositiveIntegerField(null=True, blank=True)
    trim_end = models.PositiveIntegerField(null=True, blank=True)
    """The control steps that count, the second exclusive; null: from the start, to the end."""
    verdict = models.CharField(max_length=8, choices=Verdict.choices, blank=True)
    """The newest label's verdict."""
    approved = models.BooleanField(null=True)
    """Whether a person approved it for training; null: nobody has said."""
    recorded_at = models.DateTimeField(auto_now_add=True)

    objects = EpisodeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "uid"], name="one_row_per_run_episode"),
            models.UniqueConstraint(fields=["dataset", "uid"], name="one_row_per_dataset_episode"),
        ]
        indexes = [
            models.Index(fields=["task", "kind", "verdict", "-doubt"], name="review_queue"),
            models.Index(fields=["run", "-id"], name="newest_of_run"),
        ]

    def __str__(self) -> str:
        return f"episode {self.pk}"

    @property
    def span(self) -> tuple[int, int]:
        """The control steps that count, first and end."""
        end = self.length if self.trim_end is None else self.trim_end
        return self.trim_first or 0, end

    @property
    def is_trimmed(self) -> bool:
        """Whether some of its steps do not count."""
        return self.span != (0, self.length)


class EpisodeEdit(models.Model):
    """One change of an episode's row by one person. Recordings are never rewritten, and every change can be taken back."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="edits")
    before = models.JSONField()
    """Field -> value, of the fields that changed."""
    after = models.JSONField()
    reason = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"edit of episode {self.episode_id} by {self.by}"


class Judgement(models.Model):
    """What a reward model says of an episode that it did not judge while it was lived."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="judgements")
    reward = models.ForeignKey(Checkpoint, on_delete=models.CASCADE, related_name="+")
    distance = models.JSONField(default=list, blank=True)
    """d(o, g) at each of the T + 1 frames, control steps; empty while it is being computed."""
    spread = models.JSONField(default=list, blank=True)
    error = models.TextField(blank=True)
    """One sentence when it could not be computed."""
    asked_at = models.DateTimeField(auto_now_add=True)
    """Anew with each time it is asked for."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["episode", "reward"], name="one_judgement_each")
        ]

    def __str__(self) -> str:
        return f"checkpoint {self.reward_id} on episode {self.episode_id}"


class Label(models.Model):
    """One verdict by one person at one time; a changed mind adds a row."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="labels")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="labels"
    )
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    note = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.by}"
