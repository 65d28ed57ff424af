"""What an environment's spaces hold, against what was declared of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.declaration import RENDER, WHOLE, Declaration
from practice.embodiments.pixels import shrink
from practice.embodiments.spec import FeatureSpec, is_camera

ABSENT = object()
"""What a path leads to that leads nowhere."""


def check_spaces(env: Any, declaration: Declaration) -> None:
    """Whether the environment's spaces are those that were declared.

    Raises:
        LearningError: they are not; the message says which, and what the environment has.
    """
    spec, box = declaration.spec, env.action_space
    if not isinstance(box, gymnasium.spaces.Box) or box.shape != spec.action.shape:
        raise LearningError(
            f"{spec.id}: the environment's actions are {box}; the declaration says a vector of "
            f"{spec.action.shape[0]} numbers. Only vectors (Box) can be practised with."
        )
    # In the Box's own numbers: what float32 makes of a bound may lie past the same one in float64.
    own = box.dtype if box.dtype.kind == "f" else np.float64
    least, most = np.array(spec.action.low, own), np.array(spec.action.high, own)
    if (least < box.low).any() or (most > box.high).any():
        raise LearningError(
            f"{spec.id}: action.low and action.high reach past what the environment accepts, from "
            f"{box.low.tolist()} to {box.high.tolist()}."
        )
    for name, feature in spec.observation.items():
        source = declaration.sources[name]
        if source != RENDER:
            _check_feature(declaration, name, feature, at(env.observation_space, source), env)
        elif env.render_mode != "rgb_array":
            raise strange(
                declaration, name, 'is drawn by render: add "render_mode": "rgb_array" to kwargs'
            )


def _check_feature(
    declaration: Declaration, name: str, feature: FeatureSpec, space: Any, env: Any
) -> None:
    """One feature against the space it comes from."""
    source = declaration.sources[name]
    if space is ABSENT:
        known = ", ".join(_leaves(env.observation_space))
        raise strange(
            declaration, name, f"the observation has no {source!r}; features_map may say: {known}"
        )
    if getattr(space, "shape", None) is None:
        raise strange(declaration, name, f"{source!r} is {space}, which is no array")
    if is_camera(name):
        if space.dtype != np.uint8 or _factor(space.shape, feature.shape) is None:
            raise strange(declaration, name, _picture_rule(space.shape, feature, space.dtype))
        return
    size = int(np.prod(space.shape))
    if size != feature.shape[0]:
        raise strange(
            declaration,
            name,
            f"{source!r} has {size} values (shape {space.shape}); declare [{size}]",
        )
    if not np.can_cast(space.dtype, feature.dtype, casting="same_kind"):
        raise strange(declaration, name, f"{source!r} holds {space.dtype}, not {feature.dtype}")


def boxed(action: NDArray[np.float32], box: Any) -> NDArray[Any]:
    """An action (A,) in the Box's own numbers, and within it: a conversion may overstep by a hair."""
    whole = np.rint(action) if box.dtype.kind in "iu" else action
    within: NDArray[Any] = np.clip(whole, box.low, box.high).astype(box.dtype)
    return within


def at(tree: Any, path: str) -> Any:
    """What a key or a dotted path leads to in nested mappings; a key may itself hold dots."""
    if path == WHOLE:
        return tree
    if not isinstance(tree, Mapping | gymnasium.spaces.Dict):
        return ABSENT
    if path in tree.keys():  # noqa: SIM118  (a space asked with `in` looks for a sample)
        return tree[path]
    cuts = [i for i, letter in enumerate(path) if letter == "."]
    for cut in cuts:
        if path[:cut] in tree.keys():  # noqa: SIM118
            found = at(tree[path[:cut]], path[cut + 1 :])
            if found is not ABSENT:
                return found
    return ABSENT


def _leaves(space: Any, before: str = "") -> list[str]:
    """All paths into an observation space."""
    if not isinstance(space, gymnasium.spaces.Dict):
        return [before or f'"{WHOLE}"']
    joined = f"{before}." if before else ""
    return [leaf for key, part in space.items() for leaf in _leaves(part, f"{joined}{key}")]


def _factor(given: tuple[int, ...], wanted: tuple[int, ...]) -> int | None:
    """How many pixels, each way, make one of the declared picture; None where it does not come out even."""
    if len(given) != 3 or given[2] != 3:
        return None
    factor = max(1, given[0] // wanted[0])
    return factor if given == (factor * wanted[0], factor * wanted[1], 3) else None


def shrunk(
    picture: NDArray[Any], feature: FeatureSpec, declaration: Declaration, name: str
) -> NDArray[np.uint8]:
    """A picture of the declared size, averaged over squares of pixels."""
    factor = _factor(picture.shape, feature.shape)
    if picture.dtype != np.uint8 or factor is None:
        raise strange(declaration, name, _picture_rule(picture.shape, feature, picture.dtype))
    small = np.empty(feature.shape, dtype=np.uint8)
    shrink(picture, small)
    return small


def _picture_rule(given: tuple[int, ...], feature: FeatureSpec, dtype: Any) -> str:
    return (
        f"gives {given} of {dtype}; it must be uint8 (height, width, 3), {feature.shape} or a whole "
        f"multiple of it, which is averaged"
    )


def strange(declaration: Declaration, name: str, what: str) -> LearningError:
    """The sentence for a feature that is not as declared."""
    return LearningError(f"{declaration.spec.id}: {name}: {what}.")
