"""One environment that a declaration names: made, held to what was declared, and run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.declaration import RENDER, WHOLE, Declaration
from practice.embodiments.gl import choose_gl, draw_without_a_screen
from practice.embodiments.pixels import shrink
from practice.embodiments.seeds import mix
from practice.embodiments.spec import FeatureSpec, is_camera

Row = dict[str, NDArray[Any]]
"""Feature name -> one robot's array."""

_ABSENT = object()


class Lane:
    """One robot's environment, and how it came to where it is: seed, instruction, actions.

    Few environments can save their state, so a lane goes on elsewhere by doing the same again. An
    environment that ends an episode by itself stands still from then on, until it is reset.
    """

    def __init__(self, declaration: Declaration) -> None:
        """Make the environment.

        Raises:
            LearningError: it cannot be made, or is not as declared.
        """
        self._declared = declaration
        self._env = _make(declaration)
        check_spaces(self._env, declaration)
        self._dtype = self._env.action_space.dtype
        self._row: Row = {}
        self._success = self._ended = False
        self.seed = 0
        self.instruction = ""
        self.taken: list[NDArray[np.float32]] | None = None
        """Actions (A,) since the reset; None before the first."""

    def reset(self, seed: int, instruction: str) -> Row:
        """Start an episode."""
        option = self._declared.instruction_option
        seen, _ = self._env.reset(
            seed=_folded(seed), options=None if option is None else {option: instruction}
        )
        self.seed, self.instruction, self.taken = seed, instruction, []
        self._success = self._ended = False
        self._row = self._read(seen)
        return self._row

    def step(self, action: NDArray[Any]) -> tuple[Row, bool]:
        """One control tick with an action (A,): what is observed, and whether the goal is reached."""
        assert self.taken is not None, "reset comes first"
        if not self._ended:
            kept = np.array(action, dtype=np.float32)
            self.taken.append(kept)
            seen, _, terminated, truncated, info = self._env.step(kept.astype(self._dtype))
            self._row, self._success = self._read(seen), self._told(info)
            self._ended = bool(terminated or truncated)
        return self._row, self._success

    def close(self) -> None:
        """Let go of the environment's windows and files."""
        self._env.close()

    def _read(self, seen: Any) -> Row:
        declared = self._declared
        row: Row = {}
        for name, feature in declared.spec.observation.items():
            source = declared.sources[name]
            value = self._env.render() if source == RENDER else _at(seen, source)
            array = np.asarray(value)
            if is_camera(name):
                row[name] = _shrunk(array, feature, declared, name)
            elif array.size == feature.shape[0]:
                row[name] = array.astype(feature.dtype).reshape(feature.shape)
            else:
                raise _strange(declared, name, f"gave shape {array.shape}, not {feature.shape}")
        return row

    def _told(self, info: Mapping[str, Any]) -> bool:
        key = self._declared.success_key
        if key is None:
            return False
        value = _at(info, key)
        if value is _ABSENT:
            known = ", ".join(sorted(map(str, info))) or "nothing"
            raise LearningError(
                f"{self._declared.spec.id}: the environment's info has no {key!r} after a step; it "
                f"has: {known}. Name one of these in success_key, or null where none tells success."
            )
        return bool(value)


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
    least, most = np.array(spec.action.low, np.float32), np.array(spec.action.high, np.float32)
    if (least < box.low).any() or (most > box.high).any():
        raise LearningError(
            f"{spec.id}: action.low and action.high reach past what the environment accepts, from "
            f"{box.low.tolist()} to {box.high.tolist()}."
        )
    for name, feature in spec.observation.items():
        source = declaration.sources[name]
        if source != RENDER:
            _check_feature(declaration, name, feature, _at(env.observation_space, source), env)
        elif env.render_mode != "rgb_array":
            raise _strange(
                declaration, name, 'is drawn by render: add "render_mode": "rgb_array" to kwargs'
            )


def _check_feature(
    declaration: Declaration, name: str, feature: FeatureSpec, space: Any, env: Any
) -> None:
    """One feature against the space it comes from."""
    source = declaration.sources[name]
    if space is _ABSENT:
        known = ", ".join(_leaves(env.observation_space))
        raise _strange(
            declaration, name, f"the observation has no {source!r}; features_map may say: {known}"
        )
    if getattr(space, "shape", None) is None:
        raise _strange(declaration, name, f"{source!r} is {space}, which is no array")
    if is_camera(name):
        if space.dtype != np.uint8 or _factor(space.shape, feature.shape) is None:
            raise _strange(declaration, name, _picture_rule(space.shape, feature, space.dtype))
        return
    size = int(np.prod(space.shape))
    if size != feature.shape[0]:
        raise _strange(
            declaration,
            name,
            f"{source!r} has {size} values (shape {space.shape}); declare [{size}]",
        )
    if not np.can_cast(space.dtype, feature.dtype, casting="same_kind"):
        raise _strange(declaration, name, f"{source!r} holds {space.dtype}, not {feature.dtype}")


def _make(declaration: Declaration) -> Any:
    """The environment; the only place that imports what an administrator allowed."""
    make, kwargs = declaration.make, declaration.kwargs
    module, _, factory = make.rpartition(":")
    draw_without_a_screen()
    with suppress(LearningError):  # without OpenGL, an environment that needs none still works
        choose_gl()
    try:
        if module and factory.isidentifier():
            return getattr(import_module(module), factory)(**kwargs)
        # The fleet ends episodes at the task's horizon; a shorter one of Gymnasium's would be in its way.
        unbounded = {"max_episode_steps": -1, "disable_env_checker": True}
        return gymnasium.make(make, **{**unbounded, **kwargs})
    except ImportError as error:
        raise LearningError(
            f"{declaration.spec.id}: {make!r} cannot be imported ({error}); install its package "
            f"into the Python of every machine that runs workers."
        ) from error
    except (AttributeError, TypeError, ValueError, gymnasium.error.Error) as error:
        raise LearningError(
            f"{declaration.spec.id}: {make!r} cannot be made with kwargs {kwargs}: {error}"
        ) from error


def _at(tree: Any, path: str) -> Any:
    """What a key or a dotted path leads to in nested mappings; a key may itself hold dots."""
    if path == WHOLE:
        return tree
    if not isinstance(tree, Mapping | gymnasium.spaces.Dict):
        return _ABSENT
    if path in tree.keys():  # noqa: SIM118  (a space asked with `in` looks for a sample)
        return tree[path]
    cuts = [i for i, letter in enumerate(path) if letter == "."]
    for cut in cuts:
        if path[:cut] in tree.keys():  # noqa: SIM118
            found = _at(tree[path[:cut]], path[cut + 1 :])
            if found is not _ABSENT:
                return found
    return _ABSENT


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


def _shrunk(
    picture: NDArray[Any], feature: FeatureSpec, declaration: Declaration, name: str
) -> NDArray[np.uint8]:
    """A picture of the declared size, averaged over squares of pixels."""
    factor = _factor(picture.shape, feature.shape)
    if picture.dtype != np.uint8 or factor is None:
        raise _strange(declaration, name, _picture_rule(picture.shape, feature, picture.dtype))
    shrunk = np.empty(feature.shape, dtype=np.uint8)
    shrink(picture, shrunk)
    return shrunk


def _picture_rule(given: tuple[int, ...], feature: FeatureSpec, dtype: Any) -> str:
    return (
        f"gives {given} of {dtype}; it must be uint8 (height, width, 3), {feature.shape} or a whole "
        f"multiple of it, which is averaged"
    )


def _folded(seed: int) -> int:
    """Some environments take 32 bits at most; small seeds stay what they are."""
    return seed if seed < 2**32 else int(mix(np.array([seed], dtype=np.uint64))[0] >> np.uint64(32))


def _strange(declaration: Declaration, name: str, what: str) -> LearningError:
    return LearningError(f"{declaration.spec.id}: {name}: {what}.")
