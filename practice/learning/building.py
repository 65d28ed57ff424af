"""Which model a robot gets, and what it must be given: perceptrons for states, convolutions for
cameras. What only a simulator knows is never an input.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from models_store.checkpoint import EFMCheckpoint
from models_store.compact_spec import CompactSpec
from models_store.efm import EFM, LookingEFM
from models_store.normalisation import Moments, Normalisation
from models_store.spec import ModelSpec
from models_store.specs import Spec, TokenSpec
from models_store.vlm_files import base_digest
from models_store.vlm_spec import VlmSpec
from practice.embodiments.spec import EmbodimentSpec, is_camera
from practice.learning.config import PracticeConfig, SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError
from practice.learning.temperature import at_temperature

_BINS = 256
"""Action tokens per dimension of a pretrained model whose robot names none (RT-2)."""


_MOST_SEEN = 2**29
"""Numbers kept of what a pretrained model sees in all demonstrations: 2 GB. Where it is more, it looks anew."""


def check_fit(data: Demonstrations, spec: EmbodimentSpec) -> None:
    """Whether the demonstrations hold everything the robot senses.

    Raises:
        LearningError: names what is needed and what was found.
    """
    found = {name: array.shape[1:] for name, array in data.observation.items()}
    wanted = {name: f.shape for name, f in spec.observation.items() if not f.privileged}
    missing = [name for name in wanted if found.get(name) != wanted[name]]
    if missing or data.action.shape[1:] != spec.action.shape:
        raise LearningError(
            f"The demonstrations do not fit {spec.title}: it needs {wanted} and actions of "
            f"{spec.action.shape}; they have {found} and {data.action.shape[1:]}."
        )
    for name in wanted:
        if is_camera(name) and data.observation[name].dtype != "uint8":
            raise LearningError(
                f"{name} holds {data.observation[name].dtype}; pictures are bytes (uint8)."
            )


def model_spec(config: SFTConfig, spec: EmbodimentSpec) -> Spec:
    """The model that Stage 1 of this robot trains."""
    sensed = {name: f for name, f in spec.observation.items() if not f.privileged}
    state = {name: int(f.shape[0]) for name, f in sensed.items() if not is_camera(name)}
    cameras = {name: f.shape for name, f in sensed.items() if is_camera(name)}
    if config.base is not None:
        return _pretrained(config.base, config, spec, cameras, state)
    if not cameras:
        return ModelSpec(
            observation=state,
            action_size=int(spec.action.shape[0]),
            steps_to_go_bins=spec.steps_to_go_bins,
            steps_to_go_width=spec.steps_to_go_max / spec.steps_to_go_bins,
            policy_hidden=(config.policy_width,) * config.policy_layers,
            distance_hidden=(config.reward_width,) * config.reward_layers,
            activation=config.activation,
        )
    return CompactSpec(
        cameras={name: (shape[0], shape[1], shape[2]) for name, shape in cameras.items()},
        observation=state,
        previous=tuple(cameras) if config.previous_frame else (),
        action_low=spec.action.low,
        action_high=spec.action.high,
        action_bins=spec.action.bins,
        steps_to_go_bins=spec.steps_to_go_bins,
        steps_to_go_width=spec.steps_to_go_max / (spec.steps_to_go_bins - 1),
        queries=config.queries,
        calibrated=config.calibrate,
        policy_hidden=(config.policy_width,) * config.policy_layers,
        distance_hidden=(config.reward_width,) * config.reward_layers,
    )


def _pretrained(
    base: str,
    config: SFTConfig,
    spec: EmbodimentSpec,
    cameras: dict[str, tuple[int, ...]],
    state: dict[str, int],
) -> VlmSpec:
    if not cameras:
        raise LearningError(
            f"{spec.title} has no camera for the base {base} to see by; leave base empty."
        )
    return VlmSpec(
        base=base,
        base_digest=base_digest(base),
        cameras={name: (shape[0], shape[1], shape[2]) for name, shape in cameras.items()},
        observation=state,
        previous=tuple(cameras) if config.previous_frame else (),
        action_low=spec.action.low,
        action_high=spec.action.high,
        action_bins=spec.action.bins or _BINS,
        steps_to_go_bins=spec.steps_to_go_bins,
        steps_to_go_width=spec.steps_to_go_max / (spec.steps_to_go_bins - 1),
        readout=config.readout,
        lora_rank=config.lora_rank,
        lora_alpha=config.lora_alpha,
        freeze_vision=config.freeze_vision,
        dtype=config.base_dtype,
        image_size=config.image_size,
    )


def measure(data: Demonstrations, spec: Spec) -> Normalisation:
    """Moments of the states the model reads and of the actions; bytes need none."""
    return Normalisation(
        {name: Moments.of(data.observation[name]) for name in spec.observation},
        Moments.of(data.action[data.acted]),
    )


def new_checkpoint(config: SFTConfig, spec: Spec, norm: Normalisation) -> EFMCheckpoint:
    """An untrained model whose weights follow from the seed."""
    return EFMCheckpoint.new(spec, norm, seed=config.seed)


def heads_only(model: EFM, config: SFTConfig) -> bool:
    """Whether Stage 1 trains only what acts and judges; perceptrons have nothing else."""
    return config.trains == "heads" and isinstance(model.spec, CompactSpec)


def looks_once(model: EFM, config: SFTConfig, rows: int) -> bool:
    """Whether each of so many rows need be looked at only once: nothing learns to see, and there is room."""
    if heads_only(model, config):
        return True
    frozen = isinstance(model.spec, VlmSpec) and model.spec.freeze_vision
    return frozen and isinstance(model, LookingEFM) and rows * model.sight <= _MOST_SEEN


def trained(model: EFM, config: SFTConfig) -> list[tuple[str, nn.Parameter]]:
    """Name and weights of everything that Stage 1 trains, the judge's own last."""
    named = [(name, one) for name, one in model.named_parameters() if one.requires_grad]
    if not heads_only(model, config):
        return named
    heads = {id(one) for one in (*model.policy_parameters(), *model.judge_parameters())}
    return [(name, parameter) for name, parameter in named if id(parameter) in heads]


def first_model(
    config: SFTConfig, spec: Spec, norm: Normalisation, initial: EFMCheckpoint | None
) -> EFM:
    """The initial checkpoint's model, or a new one whose weights follow from the seed.

    Cloning is at T = 1 whatever T the policy is to have afterwards: trained at T, the logits would
    only make up for it.
    """
    start = initial or new_checkpoint(config, spec, norm)
    model = at_temperature(start, 1.0).build() if isinstance(spec, TokenSpec) else start.build()
    if config.instruction_weight:
        model.enable_instruction_prediction()
    return model


def handed_on(spec: Spec, config: SFTConfig) -> Spec:
    """The description that goes into the checkpoints."""
    return replace(spec, temperature=config.temperature) if isinstance(spec, TokenSpec) else spec


def prepare_to_learn(model: EFM, config: SFTConfig | PracticeConfig) -> None:
    """How the model, on its device, computes where it learns.

    Raises:
        LearningError: it is to be compiled, and there is no compiler.
    """
    model.set_recomputing(config.recompute)
    if config.compile:
        model.compile_learning()
