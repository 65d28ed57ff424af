"""Instruction prediction, the paper's third objective on LanguageTable (arXiv 2509.15155):

    L_ins = -E log p(g | o_0, o_T)

The language model is shown the first and the last moment of an episode, is asked a fixed question, and answers
in its own words. Only the instruction's tokens count, each given those before it; the end of the answer does not.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from models_store.instructions import Instructions
from models_store.vlm_backbone import Backbone
from models_store.vlm_sequence import Seen

QUESTION = "What is the robot told to do?"
"""Stands in the prompt where an instruction does."""


def instruction_loss(
    backbone: Backbone, shown: Seen, instructions: Instructions, head: Tensor
) -> Tensor:
    """(B,) nats per token of each row's instruction, after its pictures; `head` (V, D) gives the logits."""
    prompt = backbone.prompt(shown, Instructions.same(QUESTION, len(instructions)))
    ids, there = backbone.words(instructions)
    # All prompts are equally long, so only answers are padded: behind, where nothing that counts looks.
    heard = backbone.embed(ids[:, :-1])
    said = backbone.read(backbone.then(prompt, heard))[:, -ids.shape[1] :]
    logits = backbone.logits(said[there], head)
    nats = functional.cross_entropy(logits, ids[there], reduction="none")
    counted = torch.zeros_like(said[..., 0]).masked_scatter(there, nats)
    return counted.sum(dim=1) / there.sum(dim=1)
