"""The robots somebody may ask for: which cameras, how large, and their specs.

Plain data: the web process reads it without a simulator.
"""

from __future__ import annotations

from dataclasses import dataclass

from practice.embodiments.spec import ActionSpec, EmbodimentSpec, FeatureSpec, LimitSpec

STATE = "observation.state"
HANDS = "observation.hands"
TRUTH = "observation.environment_state"

SUBSTEPS = 10
"""Physics steps of 2 ms between two commands: 50 commands a second, as in gym-aloha."""

CHUNK = 5
"""Commands per action: the policy is asked ten times a second."""

JOINTS = tuple(
    f"{side}_{joint}"
    for side in ("left", "right")
    for joint in (
        "waist",
        "shoulder",
        "elbow",
        "forearm_roll",
        "wrist_angle",
        "wrist_rotate",
        "gripper",
    )
)
"""The left arm's joints, then the right arm's; grippers last, 0 closed and 1 open."""

START = (0.0, -0.96, 1.16, 0.0, -0.3, 0.0)
"""Joints of both arms when an episode begins, radians; gym-aloha's."""

_REACH = (0.7, 1.0, 1.3, 1.3, 1.4, 1.4)
"""Farthest command to each side of the middle, radians: what reaches the table and no more, so that action
tokens are fine."""

_MIDDLE = (0.0, -0.4, 0.3, 0.0, 0.9, 0.0)

_STEP = (0.15, 0.15, 0.15, 0.25, 0.2, 0.25)
"""Farthest step from where a joint is, radians: an arm at full speed is led by hardly more."""

HORIZON = 120
LINGER = 4


@dataclass(frozen=True)
class View:
    """What one camera adds to a picture."""

    camera: str
    fov: float
    """Vertical field of view, degrees."""


@dataclass(frozen=True)
class Picture:
    """One camera feature: views of equal size, one above the other."""

    name: str
    height: int
    width: int
    views: tuple[View, ...]

    @property
    def feature(self) -> str:
        """LeRobot's name."""
        return f"observation.images.{self.name}"


@dataclass(frozen=True)
class Preset:
    """One registered robot."""

    id: str
    title: str
    description: str
    pictures: tuple[Picture, ...]
    supersample: int = 1
    """Pictures are drawn this many times larger and averaged."""

    hands: bool = False
    """Where the hands are is sensed as well; it follows from the joints, as any robot's controller knows."""

    steps: bool = False
    """An action is one step, 14 numbers: how far from where it is each joint of the arms is led by the end
    of the tick. The five commands lie on the line that leads there.
    """

    @property
    def spoken(self) -> int:
        """Commands in an action."""
        return 1 if self.steps else CHUNK


HAND_NAMES = tuple(
    f"{side}_{part}_{axis}"
    for part in ("place", "ahead", "beside")
    for side in ("left", "right")
    for axis in "xyz"
)
"""Of each hand its place, and the directions out of it and along which its fingers open."""

TRUTH_NAMES = (
    *(
        f"{thing}_{part}"
        for thing in ("peg", "socket")
        for part in ("x", "y", "z", "qw", "qx", "qy", "qz")
    ),
    "stage",
)
INSTRUCTIONS = (
    "insert the peg into the socket",
    "put the red peg into the blue socket",
    "pick up peg and socket and put them together",
)


def spec_of(preset: Preset) -> EmbodimentSpec:
    """What forms, dataset checks and models need to know."""
    pictures = {
        picture.feature: FeatureSpec(
            (picture.height, picture.width, 3),
            "uint8",
            ("height", "width", "channel"),
            "RGB, 0-255",
        )
        for picture in preset.pictures
    }
    return EmbodimentSpec(
        id=preset.id,
        title=preset.title,
        description=preset.description,
        observation={
            **pictures,
            STATE: FeatureSpec((14,), "float32", JOINTS, "radians; grippers 0 closed, 1 open"),
            **({HANDS: _HANDS} if preset.hands else {}),
            TRUTH: FeatureSpec(
                (len(TRUTH_NAMES),),
                "float32",
                TRUTH_NAMES,
                "metres, unit quaternions; stage 0-4: nothing, both touched, both lifted, they touch, "
                "fully inserted",
                privileged=True,
            ),
        },
        action=_STEPS if preset.steps else _COMMANDS,
        control_hz=50.0 / CHUNK,
        horizon=HORIZON,
        instructions=INSTRUCTIONS,
        steps_to_go_bins=HORIZON + 1,
        steps_to_go_max=float(HORIZON),
        default_threshold=2.0,
        knows_success=True,
        limits=_STEP_LIMITS if preset.steps else _LIMITS,
        linger=LINGER,
    )


def _ends(sign: float) -> tuple[float, ...]:
    arm = [middle + sign * reach for middle, reach in zip(_MIDDLE, _REACH, strict=True)]
    one = (*(round(value, 3) for value in arm), 0.5 + 0.5 * sign)
    return one * (2 * CHUNK)


_HANDS = FeatureSpec((len(HAND_NAMES),), "float32", HAND_NAMES, "metres; directions of length 1")
_COMMANDS = ActionSpec(
    shape=(14 * CHUNK,),
    dtype="float32",
    names=tuple(f"{joint}_{tick}" for tick in range(CHUNK) for joint in JOINTS),
    unit="radians; grippers 0 closed, 1 open",
    low=_ends(-1.0),
    high=_ends(1.0),
    bins=256,  # as published; a bin is then at most 0.012 radians
)
_STEPS = ActionSpec(
    shape=(14,),
    dtype="float32",
    names=JOINTS,
    unit="radians from where the joint is; grippers 0 closed, 1 open",
    low=(*(-step for step in _STEP), 0.0) * 2,
    high=(*_STEP, 1.0) * 2,
    bins=0,  # tokens of joints drawn one by one would hold and move at once
)
_STEP_LIMITS = (
    LimitSpec(
        name="reach",
        default=1.0,
        minimum=0.3,
        maximum=1.0,
        unit="of the largest step",
        help="How far joints may be sent from where they are; commands farther out are cut. Grippers are free.",
    ),
)
_LIMITS = (
    LimitSpec(
        name="reach",
        default=1.0,
        minimum=0.3,
        maximum=1.0,
        unit="of the joints' ranges",
        help="How far from their middle joints may be sent; commands farther out are cut. Grippers are free.",
    ),
)

ALOHA_INSERTION = Preset(
    id="aloha-insertion",
    title="Aloha insertion",
    description=(
        "Two ViperX arms: the left takes a blue socket, the right a red peg, and they put one into the "
        "other in the air. Four cameras, tiled into two pictures."
    ),
    pictures=(
        Picture("scene", 224, 224, (View("top", 40.0), View("front", 31.0))),
        Picture("wrists", 224, 224, (View("left_wrist", 38.0), View("right_wrist", 50.0))),
    ),
)
ALOHA_INSERTION_SMALL = Preset(
    id="aloha-insertion-small",
    title="Aloha insertion, small pictures",
    description=(
        "The same arms, peg and socket through small pictures: one from the front and one tiled of both "
        "wrists. Made for small machines."
    ),
    pictures=(
        Picture("scene", 64, 96, (View("front", 35.0),)),
        Picture("wrists", 64, 64, (View("left_wrist", 38.0), View("right_wrist", 50.0))),
    ),
    supersample=2,
    hands=True,
    steps=True,
)
PRESETS = (ALOHA_INSERTION, ALOHA_INSERTION_SMALL)
