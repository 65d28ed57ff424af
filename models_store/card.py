"""The card of a checkpoint: README.md with the head that the Hub reads. No torch here.

All words of people and files are written so that neither YAML nor Markdown takes them for anything but words.
"""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from dataclasses import dataclass, field

from models_store.compact_spec import CompactSpec
from models_store.specs import Spec
from models_store.vlm_spec import VlmSpec

_ESCAPED = str.maketrans({c: f"\\{c}" for c in string.punctuation if c not in ",-"})


@dataclass(frozen=True, slots=True)
class Measured:
    """One evaluation."""

    what: str
    """e.g. "success"."""
    value: float
    """In [0, 1]."""
    low: float | None
    high: float | None
    """Ends of the 95 % interval; None where none is known."""
    where: str
    """On which episodes it was measured."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """All that a card says."""

    title: str
    kind: str
    """policy or reward."""
    digest: str
    spec: Spec
    parameters: int
    """Numbers in its own weights; a base's are not among them."""
    task: str
    robot: str
    instructions: Sequence[str] = ()
    made_by: str = ""
    """The run, or where it was imported from."""
    parents: Sequence[tuple[str, str]] = ()
    """Role and digest."""
    datasets: Sequence[tuple[str, str]] = ()
    """Name with version, and digest (empty: not known) of what it learned from."""
    measured: Sequence[Measured] = field(default_factory=tuple)
    base_licence: str = ""


def plain(text: str) -> str:
    """A stranger's words on one line of Markdown, as words alone."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(shown.split())[:500].translate(_ESCAPED)


def _sha256(digest: str) -> str:
    return f"`{digest}`" if digest.isalnum() and digest.isascii() else plain(digest)


def card(facts: CardFacts) -> str:
    """README.md of a checkpoint."""
    parts = [_head(facts), f"# {plain(facts.title)}", _what(facts), _lineage(facts)]
    parts += [_measured(facts), _loading(facts), _licence(facts)]
    return "\n\n".join(parts) + "\n"


def _head(facts: CardFacts) -> str:
    tags = ["robotics", "efmweb", _role(facts).replace(" ", "-"), facts.spec.architecture]
    lines = ["---", "library_name: efmweb", "pipeline_tag: robotics", "tags:"]
    lines += [f"- {json.dumps(tag)}" for tag in tags]
    if isinstance(facts.spec, VlmSpec) and "@" in facts.spec.base:
        lines.append(f"base_model: {json.dumps(facts.spec.base.partition('@')[0])}")
    return "\n".join([*lines, "---"])


def _role(facts: CardFacts) -> str:
    return "policy" if facts.kind == "policy" else "reward model"


def _what(facts: CardFacts) -> str:
    spec = facts.spec
    inputs = ", ".join(plain(name) for name in spec.inputs)
    bins = f"steps-to-go in {spec.steps_to_go_bins} bins of {spec.steps_to_go_width:g} steps"
    lines = [
        f"A {_role(facts)} for the task {plain(facts.task)} of {plain(facts.robot)}.",
        "It answers two questions about an observation and an instruction: what to do, and how many steps are still to go.",
        "",
        f"- architecture: {spec.architecture}, {facts.parameters:,} parameters of its own",
        f"- reads: {inputs}",
        f"- answers: actions of {spec.action_size} numbers; {bins}",
        f"- digest: `{facts.digest}`",
    ]
    if facts.instructions:
        told = "; ".join(plain(text) for text in facts.instructions[:20])
        lines.append(f"- instructions: {told}")
    return "\n".join(lines)


def _lineage(facts: CardFacts) -> str:
    lines = ["## Lineage", ""]
    if facts.made_by:
        lines.append(f"- made by: {plain(facts.made_by)}")
    lines += [f"- came from the {plain(role)} {_sha256(digest)}" for role, digest in facts.parents]
    for name, digest in facts.datasets:
        known = f" {_sha256(digest)}" if digest else ""
        lines.append(f"- learned from the demonstrations {plain(name)}{known}")
    if isinstance(facts.spec, VlmSpec):
        lines.append(
            f"- base: {plain(facts.spec.base)}, sha256 of its files `{facts.spec.base_digest}`; it is not among these files"
        )
    return "\n".join(lines if len(lines) > 2 else [*lines, "Nothing is known."])


def _measured(facts: CardFacts) -> str:
    if not facts.measured:
        return "## Measured\n\nNobody has measured it yet."
    lines = ["## Measured", "", "| what | value | 95 % interval | on |", "|---|---|---|---|"]
    for one in facts.measured:
        ends = (
            "not known"
            if one.low is None or one.high is None
            else f"{one.low:.1%} to {one.high:.1%}"
        )
        lines.append(f"| {plain(one.what)} | {one.value:.1%} | {ends} | {plain(one.where)} |")
    return "\n".join(lines)


def _loading(facts: CardFacts) -> str:
    """Python that works beside the files; names are written as Python would."""
    spec, lines = facts.spec, []
    if isinstance(spec, (CompactSpec, VlmSpec)):
        for name, shape in spec.cameras.items():
            names = [name, *([f"{name}.previous"] if name in spec.previous else [])]
            lines += [
                f"    {one!a}: torch.zeros(1, {', '.join(map(str, shape))}, dtype=torch.uint8),"
                for one in names
            ]
    lines += [f"    {name!a}: torch.zeros(1, {size})," for name, size in spec.observation.items()]
    asked = next(iter(facts.instructions), "")
    return "\n".join(
        [
            "## Use",
            "",
            "With efmweb installed, in the folder of these files:",
            "",
            "```python",
            "import torch",
            "from models_store.checkpoint import EFMCheckpoint",
            "from models_store.instructions import Instructions",
            "",
            f'model = EFMCheckpoint.load(".", digest="{facts.digest}").build()',
            "observation = {",
            *lines,
            "}",
            f"instructions = Instructions.same({asked!a}, 1)",
            "with torch.no_grad():",
            "    action, steps_to_go = model.both(observation, instructions)",
            "print(action.mode(), steps_to_go.mean)",
            "```",
            "",
            "Or give the whole .zip, or its repository's name, to a task's page of another efmweb or to `manage.py import_checkpoint`.",
        ]
    )


def _licence(facts: CardFacts) -> str:
    said = "The licence of these weights is for their owner to state."
    if isinstance(facts.spec, VlmSpec):
        known = plain(facts.base_licence) if facts.base_licence else "not known here"
        said += f" The licence of the base, which binds what was made of it: {known}."
    return f"## Licence\n\n{said}"
