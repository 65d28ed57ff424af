"""The tables somebody may ask for: which things, which camera, which goals, and their specs.

Plain data: the web process reads it without a simulator.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from practice.embodiments.language_table.goals import Family
from practice.embodiments.language_table.scene import Look, Physics
from practice.embodiments.language_table.things import (
    EIGHT,
    FOUR,
    THE_BANANA,
    Thing,
)
from practice.embodiments.language_table.words import all_texts
from practice.embodiments.spec import ActionSpec, EmbodimentSpec, FeatureSpec, LimitSpec, Mirror

CAMERA = "observation.images.top"
STATE = "observation.state"
TRUTH = "observation.environment_state"

MAX_MOVE = 0.03
"""Metres per tick and axis."""

LINGER = 4


@dataclass(frozen=True)
class Table:
    """One preset."""

    id: str
    title: str
    description: str
    things: tuple[Thing, ...]
    height: int = 48
    width: int = 64
    supersample: int = 2
    """The camera's picture is drawn this many times larger and averaged."""

    horizon: int = 60
    control_hz: float = 10.0
    families: tuple[Family, ...] = (Family.BLOCK_TO_BLOCK,)
    """Whose goals are offered as default instructions; every family is understood."""

    subjects: tuple[Thing, ...] = ()
    """What those goals move; none said: anything."""

    look: Look = field(default_factory=Look)
    physics: Physics = field(default_factory=Physics)


def truth_names(things: tuple[Thing, ...]) -> tuple[str, ...]:
    """Names of the values of `observation.environment_state`."""
    poses = (
        f"{thing.name.replace(' ', '_')}_{axis}" for thing in things for axis in ("x", "y", "yaw")
    )
    goal = ("subject", "reference", "goal_x", "goal_y", "goal_radius")
    return (*poses, "pusher_x", "pusher_y", *goal)


def spec_of(table: Table) -> EmbodimentSpec:
    """What forms, dataset checks and models need to know about a table."""
    names = truth_names(table.things)
    return EmbodimentSpec(
        id=table.id,
        title=table.title,
        description=table.description,
        observation={
            CAMERA: FeatureSpec(
                (table.height, table.width, 3),
                "uint8",
                ("height", "width", "channel"),
                "RGB, 0-255",
            ),
            STATE: FeatureSpec((2,), "float32", ("pusher_x", "pusher_y"), "metres"),
            TRUTH: FeatureSpec(
                (len(names),),
                "float32",
                names,
                "metres, yaw in radians; subject and reference count things from 0 (-1: none); a "
                "negative radius asks to get out of the circle",
                privileged=True,
            ),
        },
        action=_ACTION,
        control_hz=table.control_hz,
        horizon=table.horizon,
        instructions=all_texts(table.things, table.families, table.subjects),
        steps_to_go_bins=61,
        steps_to_go_max=60.0,
        default_threshold=2.0,
        knows_success=True,
        limits=_LIMITS,
        linger=LINGER,
        mirror=_mirror(table),
    )


_ACTION = ActionSpec(
    shape=(2,),
    dtype="float32",
    names=("dx", "dy"),
    unit="metres per tick",
    low=(-MAX_MOVE,) * 2,
    high=(MAX_MOVE,) * 2,
)
_LIMITS = (
    LimitSpec(
        name="max_move",
        default=MAX_MOVE,
        minimum=0.003,
        maximum=MAX_MOVE,
        unit="metres per tick",
        help="Farthest the pusher moves along each axis in one tick; longer moves are cut to it.",
    ),
)


def _mirror(table: Table) -> Mirror | None:
    """Left for right; only a camera that looks straight along the table sees it as a flip."""
    if table.look.roll or table.look.eye[0] or table.look.aim[0] or table.look.light[0]:
        return None
    truth = (-1.0, 1.0, -1.0) * len(table.things) + (-1.0, 1.0) + (1.0, 1.0, -1.0, 1.0, 1.0)
    return Mirror(
        signs={STATE: (-1.0, 1.0), TRUTH: truth, "action": (-1.0, 1.0)},
        cameras=(CAMERA,),
        words={"left": "right", "right": "left", "leftmost": "rightmost", "rightmost": "leftmost"},
    )


LANGUAGE_TABLE_4 = Table(
    id="language-table-4",
    title="Language table, 4 blocks",
    description=(
        "A robot arm's pusher moves four coloured blocks on a small table, told what to do in words "
        "and seeing through one small camera. Made for small machines."
    ),
    things=FOUR,
)
LANGUAGE_TABLE = Table(
    id="language-table",
    title="Language table, 8 blocks",
    description=(
        "The whole table: eight blocks, two of each colour, so that colour alone does not tell them "
        "apart. A larger camera picture and more time per episode."
    ),
    things=EIGHT,
    height=64,
    width=96,
    supersample=1,
    horizon=100,
)
BANANA_TABLE = Table(
    id="banana-table",
    title="Banana table",
    description=(
        "No blocks, one banana: heavier, longer, and it turns when it is pushed. For a model that "
        "learned on blocks and has never seen one."
    ),
    things=(THE_BANANA,),
    families=(Family.BLOCK_TO_ABSOLUTE,),
)
BANANA_TABLE_BLOCKS = Table(
    id="banana-table-blocks",
    title="Banana table with blocks",
    description="The banana joins the four blocks, which stand in its way and must be told from it.",
    things=(*FOUR, THE_BANANA),
    families=(Family.BLOCK_TO_ABSOLUTE,),
    subjects=(THE_BANANA,),
)
LANGUAGE_TABLE_4_SHIFTED = Table(
    id="language-table-4-shifted",
    title="Language table, 4 blocks, another lab",
    description=(
        "Stands in for the real robot after the simulator: paint, light, speckled board, camera, "
        "friction are others, and the motors answer late and not quite as told."
    ),
    things=FOUR,
    look=Look(
        colours=(
            ("red", (0.70, 0.18, 0.16)),
            ("blue", (0.16, 0.36, 0.66)),
            ("green", (0.22, 0.52, 0.20)),
            ("yellow", (0.86, 0.66, 0.16)),
            ("", (0.90, 0.78, 0.24)),
        ),
        board=(0.72, 0.64, 0.54),
        grain=(0.55, 0.47, 0.38),
        rim=(0.24, 0.25, 0.28),
        pusher=(0.30, 0.31, 0.34),
        eye=(0.012, -0.285, 0.610),
        aim=(0.004, -0.008),
        roll=1.2,
        fov=32.0,
        light=(0.40, -0.10, -1.0),
        brightness=0.9,
    ),
    physics=Physics(drag=38.0, friction=0.45, delay=1, noise=0.002),
)
TABLES = (
    LANGUAGE_TABLE_4,
    LANGUAGE_TABLE,
    BANANA_TABLE,
    BANANA_TABLE_BLOCKS,
    LANGUAGE_TABLE_4_SHIFTED,
)
