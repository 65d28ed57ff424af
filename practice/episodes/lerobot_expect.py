"""What an embodiment needs of a dataset, and what a dataset that does not fit is told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from practice.episodes import lerobot_format as fmt
from practice.episodes.lerobot_format import DatasetLimits, Feature, Info
from practice.episodes.report import Finding


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the embodiment needs of a dataset."""

    features: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Feature -> shape; cameras are (H, W, 3). None at all: whatever the dataset has will do."""
    fps: float | None = None
    """Control rate, frames per second."""
    optional: frozenset[str] = frozenset()
    """Features that may be missing or of another shape; then they are left out."""

    def observations(self, info: Info) -> list[str]:
        """The observations of a dataset that are to be read."""
        if not self.features:
            return info.observations
        return [n for n in info.observations if info.features[n].array[0] == self.features.get(n)]

    def findings(self, info: Info, limits: DatasetLimits) -> Iterator[Finding]:
        """Where the dataset does not fit (errors), and what it has too much (infos)."""
        for name, shape in self.features.items():
            reason = _misfit(name, tuple(shape), info.features.get(name))
            if reason and name in self.optional:
                reason = f"{name!r} of shape {tuple(shape)} is not there; only drawings for people use it"
                yield Finding("info", fmt.INFO, reason)
            elif reason:
                yield Finding("error", fmt.INFO, reason)
        if self.fps is not None and info.fps != self.fps:
            reason = f"fps is {info.fps}; the embodiment is controlled at {self.fps:g} per second"
            yield Finding("error", fmt.INFO, reason)
        yield from self._superfluous(info)
        pictures = [
            info.pictures[name] for name in self.observations(info) if name in info.pictures
        ]
        size = info.total_frames * sum(picture.size for picture in pictures)
        if size > limits.picture_bytes:
            reason = f"declares {size} bytes of pictures; at most {limits.picture_bytes} are read"
            yield Finding("error", fmt.INFO, reason)

    def _superfluous(self, info: Info) -> Iterator[Finding]:
        known = {*self.features, *fmt.BOOKKEEPING, fmt.SUCCESS, fmt.DONE, fmt.REWARD}
        for name in sorted(info.numeric.keys() - known if self.features else ()):
            reason = f"feature {name!r} is not used: the embodiment does not know it"
            yield Finding("info", fmt.INFO, reason)
        for name in info.cameras:
            if name in self.features:
                continue
            if name not in info.pictures:
                reason = f"camera {name!r} is not read: {_stored(info.features[name])}"
                yield Finding("info", fmt.INFO, reason)
            elif self.features:
                reason = f"camera {name!r} is not used: the embodiment does not know it"
                yield Finding("info", fmt.INFO, reason)


def _misfit(name: str, shape: tuple[int, ...], there: Feature | None) -> str | None:
    """Why a feature of the dataset, if it is there, is not the one of `shape`; None when it is."""
    camera = len(shape) == 3
    kind = "camera" if camera else "numeric feature"
    if there is None or there.is_camera != camera or not (camera or there.is_numeric):
        return f"has no {kind} {name!r}, which the embodiment needs"
    if camera and there.picture is None:
        return f"camera {name!r} {_stored(there)}"
    if there.array[0] != shape:
        return f"{name} has shape {there.array[0]}; the embodiment has {shape}"
    return None


def _stored(camera: Feature) -> str:
    if camera.dtype == fmt.VIDEO:
        return (
            "is stored as video; export the dataset with images (dtype 'image') and upload it again"
        )
    return f"has shape {camera.shape}; pictures are read as (height, width, 3)"
