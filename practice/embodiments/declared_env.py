"""One environment that a declaration names: made, held to what was declared, and run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from models_store.errors import LearningError
from practice.embodiments.declaration import RENDER, Declaration
from practice.embodiments.declared_spaces import ABSENT, at, boxed, check_spaces, shrunk, strange
from practice.embodiments.gl import choose_gl, draw_without_a_screen
from practice.embodiments.seeds import mix
from practice.embodiments.spec import is_camera

Row = dict[str, NDArray[Any]]
"""Feature name -> one robot's array."""

_MOST_FAILURES = 10
"""Failed episodes in a row after which an environment is no longer thought to be unlucky."""

log = logging.getLogger(__name__)


class _NotFiniteError(Exception):
    """An observation by this name holds what is no number."""


class Lane:
    """One robot's environment, and how it came to where it is: seed, instruction, actions.

    Few environments can save their state, so a lane goes on elsewhere by doing the same again. An
    environment that ends an episode by itself stands still from then on, until it is reset. So does
    one that fails, as simulators do in single bad episodes; the next reset makes a new one.
    """

    def __init__(self, declaration: Declaration) -> None:
        """Make the environment.

        Raises:
            LearningError: it cannot be made, or is not as declared.
        """
        self._declared = declaration
        self._env: Any = _made(declaration)
        """None once it has failed."""

        self._row: Row = {}
        self._success = self._ended = False
        self._failures = 0
        self.failure: Exception | None = None
        """What made this episode fail; None where nothing did."""

        self.seed = 0
        self.instruction = ""
        self.taken: list[NDArray[np.float32]] | None = None
        """Actions (A,) since the reset, also one that failed; None before the first reset."""

    def reset(self, seed: int, instruction: str) -> Row:
        """Start an episode.

        Raises:
            LearningError: the environment fails, and a new one fails again.
        """
        if self.taken and self.failure is None:
            self._failures = 0
        self.seed, self.instruction, self.taken = seed, instruction, []
        self._success = self._ended = False
        self.failure = self._tried(self._start) and self._tried(self._start)
        if self.failure is not None:
            when = f"at the start of seed {seed}, and again when it was made anew"
            raise self.broken(when) from self.failure
        return self._row

    def step(self, action: NDArray[Any]) -> tuple[Row, bool]:
        """One control tick with an action (A,): what is observed, and whether the goal is reached.

        Raises:
            LearningError: the environment is not as declared, or fails in too many episodes in a row.
        """
        assert self.taken is not None, "reset comes first"
        if not self._ended:
            kept = np.array(action, dtype=np.float32)
            self.taken.append(kept)
            self.failure = self._tried(partial(self._move, kept))
            if self.failure is not None:
                self._stand_still()
        return self._row, self._success

    def replay(self, seed: int, instruction: str, actions: NDArray[np.float32]) -> None:
        """Come to where actions (T, A) led from a seed; how many episodes failed before is forgotten."""
        self._failures = 0
        self.reset(seed, instruction)
        for action in actions:
            self.step(action)

    def broken(self, when: str) -> LearningError:
        """The sentence for an environment whose failure is no accident."""
        declared = self._declared
        return LearningError(
            f"{declared.spec.id}: the simulator {_fault(self.failure)} {when}; correct "
            f"{declared.make!r} or its kwargs, and see `manage.py check_embodiment "
            f"{declared.spec.id}`."
        )

    def close(self) -> None:
        """Let go of the environment's windows and files."""
        if self._env is not None:
            self._env.close()

    def _start(self) -> None:
        if self._env is None:
            self._env = _made(self._declared)
        option = self._declared.instruction_option
        options = None if option is None else {option: self.instruction}
        self._row = self._read(self._env.reset(seed=_folded(self.seed), options=options)[0])

    def _move(self, action: NDArray[np.float32]) -> None:
        box = self._env.action_space
        seen, _, terminated, truncated, info = self._env.step(boxed(action, box))
        row, success = self._read(seen), self._told(info)
        self._row, self._success, self._ended = row, success, bool(terminated or truncated)

    def _tried(self, do: Callable[[], None]) -> Exception | None:
        """Do it, or let go of the environment; what it raised. Faults of the declaration are raised."""
        try:
            do()
        except LearningError:
            raise
        except Exception as error:  # noqa: BLE001  # every simulator has errors of its own
            env, self._env = self._env, None
            if env is not None:
                with suppress(Exception):  # nobody needs it any more
                    env.close()
            return error
        return None

    def _stand_still(self) -> None:
        """The episode keeps its last row: one failure is bad luck, many in a row are not."""
        assert self.taken is not None
        self._ended = True
        self._failures += 1
        log.warning(
            "%s: the episode of seed %d stands still from step %d on, for the simulator %s.",
            *(self._declared.spec.id, self.seed, len(self.taken), _fault(self.failure)),
        )
        if self._failures >= _MOST_FAILURES:
            when = f"in the last of {self._failures} failed episodes in a row"
            raise self.broken(when) from self.failure

    def _read(self, seen: Any) -> Row:
        declared = self._declared
        row: Row = {}
        for name, feature in declared.spec.observation.items():
            source = declared.sources[name]
            value = self._env.render() if source == RENDER else at(seen, source)
            array = np.asarray(value)
            if is_camera(name):
                row[name] = shrunk(array, feature, declared, name)
            elif array.size == feature.shape[0]:
                row[name] = array.astype(feature.dtype).reshape(feature.shape)
            else:
                raise strange(declared, name, f"gave shape {array.shape}, not {feature.shape}")
            if row[name].dtype.kind == "f" and not np.isfinite(row[name]).all():
                raise _NotFiniteError(name)
        return row

    def _told(self, info: Mapping[str, Any]) -> bool:
        key = self._declared.success_key
        if key is None:
            return False
        value = at(info, key)
        if value is ABSENT:
            known = ", ".join(sorted(map(str, info))) or "nothing"
            raise LearningError(
                f"{self._declared.spec.id}: the environment's info has no {key!r} after a step; it "
                f"has: {known}. Name one of these in success_key, or null where none tells success."
            )
        return bool(value)


def _made(declaration: Declaration) -> Any:
    """The environment, held to its declaration."""
    env = _make(declaration)
    check_spaces(env, declaration)
    return env


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


def _folded(seed: int) -> int:
    """Some environments take 32 bits at most; small seeds stay what they are."""
    return seed if seed < 2**32 else int(mix(np.array([seed], dtype=np.uint64))[0] >> np.uint64(32))


def _fault(error: Exception | None) -> str:
    """What a simulator did wrong, after "the simulator"."""
    if isinstance(error, _NotFiniteError):
        return f"gave an {error} that is not finite"
    return f"raised {type(error).__name__}: {error}"
