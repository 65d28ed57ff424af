"""What Stage 1 would cost: optimiser steps on made-up rows, validations, and what comes before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.efm import EFM, SEEN, LookingEFM, SmallEFM
from models_store.outline import outlines, plain_normalisation
from practice.embodiments.interface import Embodiment, ShowsScenes
from practice.learning import counting, grounding, optim
from practice.learning.average import Average
from practice.learning.building import first_model, looks_once, model_spec, trained
from practice.learning.config import SFTConfig
from practice.learning.costs import Cost, Part
from practice.learning.estimating import Estimate, Place
from practice.learning.made_up import MadeUp
from practice.learning.probing import Stopwatch, Timing
from practice.learning.rows import Lesson

_LATER = 0.4
"""Share of the probe's time that is left for all that is not an optimiser step."""

_LOOKED_AT = 64
"""Rows of one look that is timed."""


def sft_cost(
    config: SFTConfig,
    robot: Embodiment,
    *,
    texts: Sequence[str] = (),
    rows: int = 0,
    initial: EFMCheckpoint | None = None,
    place: Place | None = None,
) -> Cost:
    """Of Stage 1 on `rows` rows of demonstrations; 0: as many as a validation takes.

    The pictures for grounding are drawn by the simulator, whose time is not counted.

    Raises:
        LearningError: there is no such model.
    """
    place = place or Place()
    estimate = Estimate(place, rows=config.batch_size // config.accumulate, steps=config.steps)
    spec = initial.spec if initial else model_spec(config, robot.spec)
    [outline] = outlines([spec])
    if config.instruction_weight:
        outline.enable_instruction_prediction()
    rows = rows or config.validation_rows
    problem = estimate.outline(
        [outline], [one for _, one in trained(outline, config)], averaged=config.ema > 0,
        pictures=counting.pictures(robot.spec, spec.inputs, rows, place.frames_in_memory),
    )  # fmt: skip
    if problem:
        return estimate.cost(problem=problem)
    norm = initial.normalisation if initial else plain_normalisation(spec)
    model = first_model(config, spec, norm, initial).to(place.device)
    made = MadeUp(spec, robot.spec, texts, device=place.device)
    sides = 2 if config.mirror and robot.spec.mirror else 1
    stage = _Stage(config, model, made, rows=rows, sides=sides)
    grounds = initial is None and isinstance(robot, ShowsScenes) and isinstance(model, SmallEFM)
    return stage.estimated(estimate, grounds=grounds)


class _Stage:
    """A model in training."""

    def __init__(
        self, config: SFTConfig, model: EFM, made: MadeUp, *, rows: int, sides: int
    ) -> None:
        """On `rows` rows of demonstrations, those to learn from seen from so many sides."""
        self.config, self._model, self._made = config, model, made
        model.set_precision(config.precision)
        model.set_recomputing(config.recompute)
        named = trained(model, config)
        self._parameters = [one for _, one in named]
        self._optimizer = optim.adam(
            self._parameters, learning_rate=config.learning_rate, eps=config.adam_eps,
            weight_decay=config.weight_decay,
        )  # fmt: skip
        self._average = Average(named, config.ema)
        self._held_out = int(rows * config.validation_fraction)
        # As in the run, rows to learn from and rows kept out are looked at once each by their own number.
        learned = sides * (rows - self._held_out)
        self._learns_seen = looks_once(model, config, learned)
        self._validates_seen = looks_once(model, config, self._held_out)
        self._looked = learned * self._learns_seen + self._held_out * self._validates_seen
        self._seer = model if self._looked and isinstance(model, LookingEFM) else None
        # One row's sight does for all: what is learned from it takes as long whatever was seen.
        self._sight = made.lesson(1, self._seer).observation[SEEN] if self._seer else None
        self._lesson = self._made_up(1, seen=self._learns_seen)

    def estimated(self, estimate: Estimate, *, grounds: bool) -> Cost:
        """By trying."""
        looked = counting.looked(self._seer, self._looked) if self._seer else 0
        problem = estimate.activations(self._model, self._learn, self._follow, looked=looked)
        if problem:
            return estimate.cost(problem=problem)
        watch = estimate.stopwatch()
        learned, problem = estimate.tried(self._learn, watch, until=_LATER * watch.left)
        if learned is None:
            return estimate.cost(problem=problem)
        parts = [
            self._steps(learned, estimate.rows, watch),
            self._validations(watch),
            self._looks(watch),
            self._grounding(watch, self.config.grounding_steps * grounds),
        ]
        return estimate.cost([part for part in parts if part], probed=learned.rows)

    def _learn(self, rows: int) -> None:
        """Forward and backward, one part of a batch."""
        self._forget()
        if (
            len(self._lesson.action) != rows
        ):  # made once for each size: making it is no part of a step
            self._lesson = self._made_up(rows, seen=self._learns_seen)
        self._lesson.losses(self._model).sum().backward()  # type: ignore[no-untyped-call]

    def _made_up(self, rows: int, *, seen: bool) -> Lesson:
        """With what was seen, moments included, in place of what there is to see."""
        lesson = self._made.lesson(rows, moments=bool(self.config.instruction_weight))
        if not seen or self._sight is None:
            return lesson
        observation, *moments = (
            {SEEN: self._sight.repeat(rows, 1)} for _ in (lesson.observation, *lesson.moments)
        )
        return replace(lesson, observation=observation, moments=tuple(moments))

    def _forget(self) -> None:
        for parameter in self._model.parameters():
            parameter.grad = None

    def _follow(self) -> None:
        """One step of the optimiser."""
        optim.clip(self._parameters, self.config.clip_gradient)
        self._optimizer.step()
        self._average.follow(0)

    def _steps(self, learned: Timing, rows: int, watch: Stopwatch) -> Part:
        follow = watch.repeated(self._follow, rows, until=0.7 * watch.left).median
        return learned.scaled(rows).part(
            "optimiser steps", self.config.steps, times=self.config.accumulate, plus=follow
        )

    def _validations(self, watch: Stopwatch) -> Part | None:
        config = self.config
        held_out = min(config.validation_rows, self._held_out)
        if not held_out:
            return None
        some = min(_LOOKED_AT, held_out)
        lesson = self._made_up(some, seen=self._validates_seen)

        @torch.inference_mode()
        def validate() -> None:
            lesson.losses(self._model)

        timed = watch.repeated(validate, some, until=0.5 * watch.left).scaled(held_out)
        return timed.part("validations", math.ceil(config.steps / config.validate_every))

    def _looks(self, watch: Stopwatch) -> Part | None:
        """Once at everything, where looking is not trained. A pretrained model may need seconds for each picture,
        so few are tried first.
        """
        seer, some = self._seer, min(_LOOKED_AT, self._looked)
        if seer is None:
            return None
        shown, asked = self._made.observation(some), self._made.instructions(some)

        @torch.no_grad()
        def look(rows: int) -> None:
            few = {name: values[:rows] for name, values in shown.items()}
            seer.look(few, asked.rows(np.arange(rows)))

        timed = watch.climbed(look, some, until=0.5 * watch.left).scaled(some)
        return timed.part("looks at the demonstrations", math.ceil(self._looked / some))

    def _grounding(self, watch: Stopwatch, steps: int) -> Part | None:
        """As long as a step of the whole model: its head is small."""
        if not steps:
            return None
        lesson = self._made.lesson(grounding.BATCH)

        def ground() -> None:
            self._forget()
            lesson.losses(self._model).sum().backward()  # type: ignore[no-untyped-call]

        return watch.repeated(ground, grounding.BATCH).part("grounding steps", steps)
