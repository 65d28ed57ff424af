"""Reads for the episode pages: the filtered list, the review queue and its progress, one episode's neighbours."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any, Self, get_args
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import BooleanField, Count, ExpressionWrapper, F, FloatField, Q, QuerySet
from django.db.models.functions import Coalesce

from practice.episodes.types import EndedBy
from practice.errors import MissingError
from practice.models import Dataset, Episode, Label, Run, Task, User, Verdict
from practice.selectors.edits import CORRECTIONS
from practice.selectors.selections import of_dataset

PAGE_SIZE = 50
COUNT_LIMIT = 10_000
"""Rows are counted and paged up to here; whoever wants older ones narrows the filter."""

UNLABELLED = "none"
DISAGREE = "disagree"
OVER = ("10", "25", "50", "75")
"""Shares of idle steps or clipped actions to ask for, per cent."""
ODD: Mapping[str, Q] = {
    "duplicate": Q(quality__duplicate_of__gt=0),
    "length": Q(quality__odd_length=True),
}
OUTCOMES: Mapping[str, Q] = {
    "success": Q(true_success=True) | Q(true_success=None, detector_success=True),
    "failure": Q(true_success=False) | Q(true_success=None, detector_success=False),
    "unknown": Q(true_success=None, detector_success=None),
}
"""How it ended: what a simulator knows, else what the detector says."""
LONGEST_WORDS = 200
APPROVALS = {"yes": True, "no": False, "open": None}

# Name -> (what people read, fields, the first of which decides; "-" is descending). The id settles ties, newest first.
ORDERS: Mapping[str, tuple[str, str]] = {
    "doubt": ("Most doubtful first", "-doubt"),
    "new": ("Newest first", "-id"),
    "long": ("Longest first", "-length"),
    "far": ("Ended furthest from the goal", "-far"),
}

_DISAGREES = Q(detector_success=True, true_success=False) | Q(
    detector_success=False, true_success=True
)


@dataclass(frozen=True, slots=True)
class EpisodeFilter:
    """What a person wants to see; an empty field asks for nothing."""

    task: str = ""
    """A task's slug."""
    run: str = ""
    dataset: str = ""
    kind: str = ""
    verdict: str = ""
    """A verdict, or "none" for episodes nobody has labelled."""
    approved: str = ""
    """yes, no, or "open" where nobody has said."""
    words: str = ""
    """A part of the instruction, whatever its case."""
    shortest: str = ""
    longest: str = ""
    """Control steps, both included."""
    ended_by: str = ""
    outcome: str = ""
    """A key of `OUTCOMES`."""
    truth: str = ""
    """ "disagree": the detector and the simulator say different things."""
    recorded: str = ""
    """yes, or no where the task's recording left the frames out."""
    corrected: str = ""
    """A key of `CORRECTIONS`."""
    idle: str = ""
    """Stands still for more than so many per cent of its steps."""
    clipped: str = ""
    """More than so many per cent of its action values are at a bound."""
    odd: str = ""
    """duplicate: nearly repeats an earlier one; length: falls out of its dataset."""
    order: str = "doubt"

    @classmethod
    def parse(cls, query: Mapping[str, Any]) -> Self:
        """Read a query string; what is no filter, or no value of one, is left out."""
        given = {f.name: str(query.get(f.name, "")) for f in fields(cls)}
        known = {name: value.replace("\0", "").strip() for name, value in given.items()}
        known["words"] = known["words"][:LONGEST_WORDS]
        for name in ("run", "dataset", "shortest", "longest"):
            if not (known[name].isdecimal() and len(known[name]) < 19):
                known[name] = ""
        choices = {
            "kind": Episode.Kind.values,
            "verdict": [*Verdict.values, UNLABELLED],
            "approved": [*APPROVALS],
            "outcome": [*OUTCOMES],
            "truth": [DISAGREE],
            "recorded": ["yes", "no"],
            "corrected": [*CORRECTIONS],
            "idle": OVER,
            "clipped": OVER,
            "odd": [*ODD],
        }
        for name, allowed in choices.items():
            if known[name] not in allowed:
                known[name] = ""
        if known["order"] not in ORDERS:
            known["order"] = "doubt"
        return cls(**known)

    @property
    def query(self) -> str:
        """The same as a query string, without what is not asked for."""
        asked = {k: v for k, v in asdict(self).items() if v and (k, v) != ("order", "doubt")}
        return urlencode(asked)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left out; the order leaves nothing out."""
        return replace(self, order="doubt") == EpisodeFilter()


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of a list that may be very long: counts and reaches no further than `COUNT_LIMIT` rows."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, at most `COUNT_LIMIT`."""
        rows: Any = self.object_list
        return min(int(rows.order_by()[: COUNT_LIMIT + 1].count()), COUNT_LIMIT)


@dataclass(frozen=True, slots=True)
class FilterChoices:
    """What the filter's selects offer."""

    tasks: list[tuple[str, str]]
    runs: list[tuple[int, str]]
    datasets: list[tuple[int, str]]
    ways: tuple[str, ...] = get_args(EndedBy)
    """What can end an episode."""
    overs: tuple[str, ...] = OVER


@dataclass(frozen=True, slots=True)
class ReviewProgress:
    """How far the review of a selection of episodes has come."""

    looked_at: int
    total: int


def visible_episode(person: User, pk: int) -> Episode:
    """One episode with what its page names.

    Raises:
        MissingError: there is none, or this person may not see it.
    """
    rows = Episode.objects.visible_to(person).select_related("task", "run", "dataset", "checkpoint")
    episode = rows.filter(pk=pk).first()
    if episode is None:
        raise MissingError(
            f"There is no episode {pk}; open the list of episodes to see those there are."
        )
    return episode


def find_episodes(person: User, wanted: EpisodeFilter) -> QuerySet[Episode]:
    """The episodes that `person` may see and asks for, in the order asked for.

    Each row also carries `seconds` (its length in time) and `disagrees` (detector against simulator).
    """
    rows = Episode.objects.visible_to(person).select_related("task", "run", "dataset")
    rows = rows.annotate(
        far=Coalesce("d_end", -1.0),
        seconds=ExpressionWrapper(F("length") / F("task__control_hz"), FloatField()),
        disagrees=ExpressionWrapper(_DISAGREES, BooleanField()),
    ).filter(_where(wanted))
    return rows.order_by(*dict.fromkeys([ORDERS[wanted.order][1], "-id"]))


def _where(wanted: EpisodeFilter) -> Q:
    exact = {
        "task__slug": wanted.task,
        "run": wanted.run,
        "kind": wanted.kind,
        "ended_by": wanted.ended_by,
        "instruction__icontains": wanted.words,
        "length__gte": wanted.shortest,
        "length__lte": wanted.longest,
    }
    where = Q(**{name: value for name, value in exact.items() if value})
    if wanted.verdict:
        where &= Q(verdict="" if wanted.verdict == UNLABELLED else wanted.verdict)
    if wanted.approved:
        where &= Q(approved=APPROVALS[wanted.approved])
    if wanted.recorded:
        where &= Q(blob_key="") if wanted.recorded == "no" else ~Q(blob_key="")
    if wanted.truth == DISAGREE:
        where &= _DISAGREES
    if wanted.dataset:
        where &= of_dataset(int(wanted.dataset))
    for share in ("idle", "clipped"):
        if over := getattr(wanted, share):
            where &= Q(**{f"quality__{share}_share__gt": int(over) / 100})
    if wanted.odd:
        where &= ODD[wanted.odd]
    return where & OUTCOMES.get(wanted.outcome, Q()) & CORRECTIONS.get(wanted.corrected, Q())


def episode_page(person: User, wanted: EpisodeFilter, number: object) -> Page[Episode]:
    """One page of `find_episodes`; a number out of range gives the nearest page."""
    rows = find_episodes(person, wanted)
    return BoundedPaginator(rows, PAGE_SIZE).get_page(number)  # type: ignore[arg-type]


def filter_choices(person: User, wanted: EpisodeFilter) -> FilterChoices:
    """Tasks, and the runs and datasets of the chosen task, that have episodes to show."""
    runs = Run.objects.visible_to(person).filter(episode_count__gt=0)
    datasets = Dataset.objects.visible_to(person).filter(
        Q(episodes_kept__gt=0) | Q(kind=Dataset.Kind.SELECTION)
    )
    if wanted.task:
        runs = runs.filter(task__slug=wanted.task)
        datasets = datasets.filter(task__slug=wanted.task)
    return FilterChoices(
        tasks=list(Task.objects.visible_to(person).values_list("slug", "name")),
        runs=list(runs.values_list("pk", "name")[:100]),
        datasets=list(datasets.values_list("pk", "name")[:100]),
    )


def next_episode(person: User, wanted: EpisodeFilter, after: Episode) -> Episode | None:
    """The episode that follows `after` in the order asked for, whether or not `after` still fits the filter."""
    name, place = _place(wanted, after)
    later = Q(**{f"{name}__lt": place}) | Q(**{name: place}, id__lt=after.pk)
    return find_episodes(person, wanted).filter(later).first()


def previous_episode(person: User, wanted: EpisodeFilter, before: Episode) -> Episode | None:
    """The episode that stands before `before` in the order asked for."""
    name, place = _place(wanted, before)
    earlier = Q(**{f"{name}__gt": place}) | Q(**{name: place}, id__gt=before.pk)
    return find_episodes(person, wanted).filter(earlier).reverse().first()


def _place(wanted: EpisodeFilter, episode: Episode) -> tuple[str, float]:
    """The field that decides the order, and this episode's value of it."""
    name = ORDERS[wanted.order][1].removeprefix("-")
    if name == "far":
        return name, -1.0 if episode.d_end is None else episode.d_end
    return name, getattr(episode, name)


def review_scope(wanted: EpisodeFilter) -> EpisodeFilter:
    """The episodes a review of this selection goes through: recorded practice unless said otherwise, whatever their verdict."""
    kind = wanted.kind or Episode.Kind.PRACTICE
    return replace(wanted, verdict="", approved="", order="doubt", kind=kind, recorded="yes")


def next_in_review(person: User, wanted: EpisodeFilter, leaving: Episode | None) -> Episode | None:
    """The most doubtful episode that nobody has labelled, other than the one just looked at."""
    rows = find_episodes(person, replace(review_scope(wanted), verdict=UNLABELLED))
    if leaving is not None:
        rows = rows.exclude(pk=leaving.pk)
    return rows.first()


def skip_in_review(person: User, wanted: EpisodeFilter, leaving: Episode) -> Episode | None:
    """The next less doubtful unlabelled episode; from the last one, the first again."""
    queue = replace(review_scope(wanted), verdict=UNLABELLED)
    return next_episode(person, queue, leaving) or next_in_review(person, wanted, leaving)


def review_progress(person: User, wanted: EpisodeFilter) -> ReviewProgress:
    """How many of the selection's episodes carry a label."""
    rows = find_episodes(person, review_scope(wanted)).order_by()
    counts = rows.aggregate(total=Count("pk"), looked_at=Count("pk", filter=~Q(verdict="")))
    return ReviewProgress(looked_at=counts["looked_at"], total=counts["total"])


def label_history(episode: Episode) -> QuerySet[Label]:
    """All labels of an episode, the newest first, with who gave them."""
    return episode.labels.select_related("by")


def chosen_episodes(person: User, ids: list[int]) -> QuerySet[Episode]:
    """The visible ones among `ids`, as a bulk verb takes them."""
    return Episode.objects.visible_to(person).filter(pk__in=ids).order_by("pk")
