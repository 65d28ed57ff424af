"""Both stages with a pretrained vision-language model, a tiny one, loaded the way a large one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from models_store.checkpoint import EFMCheckpoint
from models_store.state_file import load_tree, save_tree
from models_store.vlm import Vlm
from models_store.vlm_backbone import Backbone
from models_store.vlm_sequence import Seen
from models_store.vlm_spec import VlmSpec
from practice.embodiments.language_table.embodiment import LanguageTable
from practice.embodiments.point_mass import PointMass
from practice.fleet.demonstrations import make_demonstrations
from practice.learning.config import EvaluationConfig, PracticeConfig, SFTConfig
from practice.learning.data import Demonstrations
from practice.learning.errors import LearningError
from practice.learning.evaluation import Evaluation
from practice.learning.hindsight import judged
from practice.learning.rows import Rows
from practice.learning.self_improvement import SelfImprovement
from practice.learning.sft import SFT
from practice.learning.types import Report, TaskFacts, Work
from tests.learning.picture_world import CAMERA, SPEC, STATE, Dots, demonstrations
from tests.models_store.tiny_vlms import make_base

STAGE1 = SFTConfig(
    base="smolvlm", steps=8, batch_size=16, learning_rate=3e-3, schedule="constant", lora_rank=4,
    validate_every=4, validation_rows=64, precision="float32", mirror=True,
)  # fmt: skip
STAGE2 = PracticeConfig(
    num_robots=8, iterations=2, updates=2, batch_size=16, evaluate_every=1, evaluate_episodes=8,
    learning_rate=1e-3, processes=1, precision="float32",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("bases")
    for kind in ("smolvlm", "paligemma", "qwen2_vl"):
        make_base(kind, folder / kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EFM_BASES", str(folder))
        yield


@pytest.fixture(scope="module")
def data() -> Demonstrations:
    return Demonstrations.from_episodes(demonstrations(40))


@pytest.fixture(scope="module")
def stage1(_bases: None, data: Demonstrations) -> dict[str, EFMCheckpoint]:
    return finish(SFT(STAGE1, data, SPEC)).checkpoints()


def finish(run: Work) -> Work:
    while not run.finished:
        run.step()
    return run


def practise(stage1: dict[str, EFMCheckpoint], **changes: object) -> SelfImprovement:
    return SelfImprovement(
        STAGE2.replace(**changes), stage1["policy"], stage1["reward"], Dots(),
        task=TaskFacts.of(SPEC),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("base", "readout", "lora_rank"),
    [("smolvlm", "queries", 8), ("paligemma", "tokens", 8), ("qwen2_vl", "queries", 0)],
)
def test_stage_1_learns_from_pictures_of_the_table(base: str, readout: str, lora_rank: int) -> None:
    robot = LanguageTable()
    shown = Demonstrations.from_episodes(make_demonstrations(robot, 6, seed=0))
    config = STAGE1.replace(
        base=base, readout=readout, lora_rank=lora_rank, steps=60, validate_every=20, batch_size=24,
        accumulate=2, recompute=True,
    )  # fmt: skip
    run, losses = SFT(config, shown, robot.spec), []
    while not run.finished:
        values = run.step().values
        if values:  # the first steps only look
            losses.append(values["loss_bc"] + values["loss_steps_to_go"])
    assert losses[-1] < 0.95 * losses[0], losses
    spec = run.checkpoints()["policy"].spec
    assert isinstance(spec, VlmSpec)
    assert (spec.readout, spec.action_bins, spec.steps_to_go_bins) == (readout, 21, 61)
    assert spec.previous == ("observation.images.top",)
    assert list(spec.observation) == [STATE], "what only a simulator knows is never read"


@pytest.mark.parametrize("readout", ["queries", "tokens"])
def test_practice_moves_what_acts_and_leaves_the_rest(readout: str, data: Demonstrations) -> None:
    first = finish(SFT(STAGE1.replace(readout=readout), data, SPEC)).checkpoints()
    run = practise(first, evaluate_every=0, accumulate=2, recompute=True)
    reports = []
    while not run.finished:
        reports.append(run.step())
    assert reports[-1].values["drift"] > 0
    now, start = run.checkpoints()["policy"], first["policy"]
    moved = {
        name for name in start.weights if not torch.equal(now.weights[name], start.weights[name])
    }
    assert any("lora_B" in name for name in moved)
    assert not any("distance" in name for name in moved)
    assert now.parents == {"policy": start.digest, "reward": first["reward"].digest}
    assert now.weights.keys() == start.weights.keys()


@pytest.mark.parametrize("readout", ["queries", "tokens"])
def test_both_stages_in_half_precision(readout: str, data: Demonstrations) -> None:
    config = STAGE1.replace(readout=readout, base_dtype="bfloat16", precision="bfloat16")
    first = finish(SFT(config, data, SPEC)).checkpoints()
    run = finish(practise(first, evaluate_every=0, iterations=1, precision="bfloat16"))
    now, start = run.checkpoints()["policy"].weights, first["policy"].weights
    assert {values.dtype for values in now.values()} == {torch.float32}
    assert all(bool(values.isfinite().all()) for values in now.values())
    assert any(not torch.equal(values, start[name]) for name, values in now.items())


@pytest.fixture(params=["sft", "tokens", "practice", "evaluation"])
def maker(
    request: pytest.FixtureRequest, data: Demonstrations, stage1: dict[str, EFMCheckpoint]
) -> Callable[[], Work]:
    task = TaskFacts.of(SPEC)
    if request.param == "practice":
        return lambda: practise(stage1)
    if request.param == "evaluation":
        config = EvaluationConfig(episodes=10, num_robots=4, processes=1, precision="float32")
        return lambda: Evaluation(config, stage1["policy"], stage1["reward"], Dots(), task=task)
    readout = "tokens" if request.param == "tokens" else "queries"
    return lambda: SFT(STAGE1.replace(readout=readout, accumulate=2), data, SPEC)


def test_killed_at_any_step_it_ends_the_same(maker: Callable[[], Work], tmp_path: Path) -> None:
    straight, reports = maker(), []
    while not straight.finished:
        reports.append(straight.step())
    broken, resumed = maker(), list[Report]()
    while not broken.finished:
        resumed.append(broken.step())
        if not resumed[-1].values:
            continue  # what is looked at once is looked at again by a new process
        save_tree(tmp_path / "state", broken.state())
        broken = maker()
        broken.load_state(load_tree(tmp_path / "state"))
    ours, theirs = ([one.values for one in some if one.values] for some in (resumed, reports))
    assert ours == theirs
    assert len(ours) > 1
    made = [{role: c.digest for role, c in r.checkpoints().items()} for r in (broken, straight)]
    assert made[0] == made[1]


def test_demonstrations_are_looked_at_once_where_there_is_room(
    data: Demonstrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = STAGE1.replace(accumulate=2)
    kept = finish(SFT(config, data, SPEC)).result()
    monkeypatch.setattr("practice.learning.building._MOST_SEEN", 1_000)
    anew = finish(SFT(config, data, SPEC)).result()
    assert kept == pytest.approx(anew, rel=1e-3)


def test_a_batch_in_parts_has_the_gradient_of_the_whole(
    data: Demonstrations, stage1: dict[str, EFMCheckpoint]
) -> None:
    rows = Rows(data, "cpu", inputs=(CAMERA, STATE), previous=(CAMERA,))
    lesson = rows.lesson(torch.arange(0, len(data), len(data) // 24)[:24])
    assert not bool(lesson.acted.all()), "some rows teach no action, and not in every part as many"
    gradients, losses = [], []
    for count in (1, 4):
        model = stage1["policy"].build()
        total = torch.zeros(2)
        for part in lesson.parts(count):
            loss = part.losses(model, lesson.counts)
            loss.sum().backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
        losses.append(total)
    torch.testing.assert_close(*losses)
    for name, values in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], values, atol=1e-5, rtol=1e-3)


def test_a_temperature_is_handed_on(data: Demonstrations) -> None:
    cold = finish(SFT(STAGE1.replace(steps=1, temperature=0.5), data, SPEC)).checkpoints()["policy"]
    assert isinstance(cold.spec, VlmSpec)
    assert cold.spec.temperature == 0.5


def test_one_look_serves_policy_judge_and_learning(
    stage1: dict[str, EFMCheckpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vision tower is most of a small model: it runs once per observation, and to the same end."""
    seen: list[int] = []
    see = Backbone.see

    def counted(self: Backbone, observation: dict[str, torch.Tensor]) -> Seen:
        if observation[CAMERA].any():  # each model once sees how much it makes of a black picture
            seen.append(len(observation[CAMERA]))
        return see(self, observation)

    def practised(most: int) -> tuple[list[Report], int]:
        monkeypatch.setattr("practice.fleet.sight._MOST_KEPT", most)
        run, reports = practise(stage1, evaluate_every=0, returns="window"), []
        seen.clear()
        while not run.finished:
            reports.append(run.step())
        return reports, sum(seen)

    monkeypatch.setattr(Backbone, "see", counted)
    kept, once = practised(2**27)
    forgotten, twice = practised(0)
    monkeypatch.setattr(Vlm, "looks_like", lambda *_: False)
    apart, thrice = practised(0)
    steps = kept[-1].env_steps
    starts = 8 + kept[-1].episodes_total
    assert once <= steps + starts
    # 32 tuples are learned from, and drift is measured on them by policy and anchor.
    assert twice == once + 2 * (32 + 2 * 32)
    assert thrice == twice + steps
    for other in (forgotten, apart):
        assert other[-1].values == pytest.approx(kept[-1].values, rel=1e-3, abs=1e-5)


def test_an_old_episode_can_be_judged(stage1: dict[str, EFMCheckpoint]) -> None:
    distance, spread = judged(stage1["reward"].build(), demonstrations(4)[0])
    assert len(distance) == len(spread) > 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trains": "heads"}, "trains is 'heads', which is for small models"),
        ({"grounding_steps": 5}, "grounding_steps is 5"),
        ({"base": "../secrets"}, "neither the name of a folder in EFM_BASES"),
        ({"base": 5}, "base is 5; it must be of type text"),
        ({"base": "/etc"}, "neither the name of a folder in EFM_BASES"),
        ({"base": "someone/model"}, "owner/name@revision on the Hub"),
        ({"freeze_vision": False}, "set freeze_vision to true, or lora_rank to 0"),
        ({"lora_rank": 0, "base_dtype": "bfloat16"}, "must be float32"),
        ({"accumulate": 3}, "A batch of 16 rows does not come apart in 3 equal parts"),
    ],
)
def test_settings_that_do_not_go_together_are_named(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(LearningError, match=message):
        STAGE1.replace(**changes)


def test_bases_that_are_not_there(data: Demonstrations) -> None:
    with pytest.raises(LearningError, match=r"There is no base 'nothing' in .*bases"):
        SFT(STAGE1.replace(base="nothing"), data, SPEC)
    robot = PointMass()
    states = Demonstrations.from_episodes(make_demonstrations(robot, 4, seed=0))
    with pytest.raises(LearningError, match="has no camera for the base smolvlm"):
        SFT(STAGE1.replace(mirror=False), states, robot.spec)


def test_the_choice_of_spread_is_refused(stage1: dict[str, EFMCheckpoint]) -> None:
    with pytest.raises(LearningError, match="acts by tokens"):
        practise(stage1, trains="spread", carry_optimizer=False)
