"""What an embodiment needs of a dataset, by which of its features, and what a dataset that does not fit is told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from practice.episodes import lerobot_format as fmt
from practice.episodes.lerobot_format import DatasetLimits, Feature, Info
from practice.episodes.report import Finding, Severity

_SQUEEZED = 0.05
"""A camera whose width to height differs by more than this share looks squeezed."""


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the embodiment needs of a dataset."""

    features: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Feature -> shape; cameras are (H, W, 3). None at all: whatever the dataset has will do."""
    fps: float | None = None
    """Control rate, frames per second."""
    optional: frozenset[str] = frozenset()
    """Features that may be missing or of another shape; then they are left out."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """The embodiment's feature -> the dataset's, where their names differ; "" leaves an optional one out."""
    any_rate: bool = False
    """Whether another rate than `fps` will do; then it is a warning."""

    def source(self, name: str) -> str:
        """The dataset's feature that stands for the embodiment's `name`; "" when that is left out."""
        return self.mapping.get(name, name)

    def sources(self, info: Info) -> dict[str, str]:
        """Everything that is to be read, the action included: the embodiment's feature -> the dataset's."""
        if not self.features:
            return {name: name for name in (*info.observations, fmt.ACTION)}
        fitting = {n: self.source(n) for n in self.features if self.problem(info, n) is None}
        return {**fitting, fmt.ACTION: self.source(fmt.ACTION)}

    def sizes(self, info: Info) -> dict[str, tuple[int, int]]:
        """(H, W) in which each camera that is to be read is wanted, by the dataset's name."""
        found = {}
        for name, source in self.sources(info).items():
            picture = info.pictures[source].picture if source in info.pictures else None
            if picture is not None:
                height, width, *_ = self.features.get(name, picture)
                found[source] = (height, width)
        return found

    def problem(self, info: Info, name: str) -> str | None:
        """Why the embodiment's feature `name` cannot be had from the dataset; None when it can."""
        shape, source = tuple(self.features[name]), self.source(name)
        there, mapped = info.features.get(source), source != name
        if not source:
            return f"{name!r} is mapped to nothing"
        camera = len(shape) == 3
        if there is None or there.is_camera != camera or not (camera or there.is_numeric):
            kind = "camera" if camera else "numeric feature"
            why = f"to which {name!r} is mapped" if mapped else "which the embodiment needs"
            return f"has no {kind} {source!r}, {why}"
        if camera and there.picture is None:
            return f"camera {source!r} {_unreadable(there)}"
        needed = f"the embodiment's {name}" if mapped else "the embodiment"
        there_is = there.array[0]
        if (there_is[2:] != shape[2:]) if camera else (there_is != shape):
            return f"{source} has shape {there_is}; {needed} has {shape}"
        return None

    def resizing(self, info: Info, name: str) -> tuple[Severity, str] | None:
        """What is to be said of a camera that is read in another size than it has, and how loudly."""
        feature = info.pictures.get(self.source(name))
        if feature is None or feature.picture is None or len(self.features[name]) != 3:
            return None
        (height, width, _), (high, wide, _) = feature.picture, self.features[name]
        if (height, width) == (high, wide):
            return None
        said = f"camera {self.source(name)!r} of {height} x {width} pixels is resized to {high} x {wide}"
        squeezed = (width / height) / (wide / high)
        off = max(squeezed, 1 / squeezed) - 1
        if off <= _SQUEEZED:
            return "info", said
        return "warning", f"{said}, which squeezes what it shows by {off:.0%}"

    def rate_problem(self, info: Info) -> str | None:
        """How the dataset's rate differs from the embodiment's; None when it does not."""
        if self.fps is None or info.fps == self.fps:
            return None
        said = f"fps is {info.fps}; the embodiment is controlled at {self.fps:g} per second"
        if not self.any_rate:
            return said
        return f"{said}, so it moves {self.fps / info.fps:.3g} times as fast as was recorded"

    def findings(self, info: Info, limits: DatasetLimits) -> Iterator[Finding]:
        """Where the dataset does not fit (errors), what is changed, and what it has too much (infos)."""
        fitting = True
        for severity, reason in self._features(info):
            fitting &= severity != "error"
            yield Finding(severity, fmt.INFO, reason)
        rate = self.rate_problem(info)
        if rate:
            yield Finding("warning" if self.any_rate else "error", fmt.INFO, rate)
        for reason in self._superfluous(info):
            yield Finding("info", fmt.INFO, reason)
        if fitting:
            for reason in self._basics(info, limits):
                yield Finding("error", fmt.INFO, reason)

    def _features(self, info: Info) -> Iterator[tuple[Severity, str]]:
        for name in sorted(self.mapping.keys() - self.features.keys()):
            yield "error", f"the mapping names {name!r}, which the embodiment does not have"
        for name, shape in self.features.items():
            reason, resized = self.problem(info, name), self.resizing(info, name)
            if reason and name in self.optional:
                gone = "is left out" if name in self.mapping else "is not there"
                said = f"{name!r} of shape {tuple(shape)} {gone}; only drawings for people use it"
                yield "info", said
            elif reason:
                yield "error", reason
            elif resized:
                yield resized

    def _basics(self, info: Info, limits: DatasetLimits) -> Iterator[str]:
        """What no dataset can do without, and what none may have too much."""
        sources = self.sources(info)
        if sources[fmt.ACTION] not in info.numeric:
            yield f"features has no numeric {sources[fmt.ACTION]!r}"
        if len(sources) < 2:
            yield f"features has no {fmt.OBSERVATION!r}* of numbers or RGB pictures"
        sizes = self.sizes(info)
        filmed = info.total_frames * sum(info.features[n].size for n in sizes if n in info.films)
        if filmed > limits.decoded_bytes:
            yield f"declares {filmed} bytes of video, unpacked; at most {limits.decoded_bytes} are read"
        pixels = sum(height * width for height, width in sizes.values())
        size = info.total_frames * 3 * pixels
        if size > limits.picture_bytes:
            yield f"declares {size} bytes of pictures; at most {limits.picture_bytes} are read"

    def _superfluous(self, info: Info) -> Iterator[str]:
        used = {self.source(name) for name in self.features}
        known = {*used, *fmt.BOOKKEEPING, fmt.SUCCESS, fmt.DONE, fmt.REWARD}
        for name in sorted(info.numeric.keys() - known if self.features else ()):
            yield f"feature {name!r} is not used: the embodiment does not know it"
        for name in info.cameras:
            if name in used:
                continue
            if name not in info.pictures:
                yield f"camera {name!r} is not read: {_unreadable(info.features[name])}"
            elif self.features:
                yield f"camera {name!r} is not used: the embodiment does not know it"


def _unreadable(camera: Feature) -> str:
    return f"has shape {camera.shape}; pictures are read as (height, width, 3)"
