"""What pretraining asks of a model. Each objective has small heads of its own that are thrown away.

- Joint (image-text matching and captioning, as in J. Li et al., arXiv 2107.07651 and 2201.12086): is
  this sentence true of this picture, where every false one is a word away from a true one; and, shown a
  picture, say a sentence about it, word by word.
- Unimodal: the same pictures with holes, to be filled in (K. He et al., arXiv 2111.06377), and the same
  sentences with a word missing, to be guessed (J. Devlin et al., arXiv 1810.04805). A picture never
  meets a sentence: which belong together changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models_store.compact import CompactEFM
from models_store.compact_eye import Eye
from models_store.instructions import Instructions
from models_store.words import split_words
from practice.embodiments.interface import Captioned
from practice.fleet.drivers import tensors
from practice.fleet.senses import PREVIOUS

_WIDTH = 128
_VOICE = 96
"""Width of what tells about pictures, word by word."""

_PROMPT = "tell what lies on the table"
_HOLE = 8
"""Pixels along the side of a hole."""

_HOLES = 0.4
"""Share of a picture that is missing."""

_CELL = 4
"""Pixels along the side of a cell of the model's grid."""

_MISSING = "something"
"""Stands where a word is missing."""


class Objective(nn.Module, ABC):
    """Losses of a model over N pictures and their sentences."""

    def __init__(self, model: CompactEFM, shown: Captioned) -> None:
        """Seed torch before: heads are drawn here."""
        super().__init__()
        # Not a part of this module: whoever trains owns the model.
        self._model = (model,)
        self._texts = shown.texts
        before = {name + PREVIOUS: shown.before[name] for name in model.spec.previous}
        self._seen = tensors({**shown.observation, **before}, "cpu")
        self._words = _Words(shown.texts)

    @abstractmethod
    def losses(self, rows: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Name -> what is to become small, over these pictures (B,) and chance."""

    @abstractmethod
    def scores(self, rows: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Name -> means over pictures (B,) that training has not seen."""

    @property
    def model(self) -> CompactEFM:
        """Whom it asks."""
        return self._model[0]

    def _pictures(self, rows: Tensor) -> dict[str, Tensor]:
        device = self.model.centres.device
        return {name: values[rows].to(device) for name, values in self._seen.items()}


class Joint(Objective):
    """Pictures with their sentences."""

    def __init__(self, model: CompactEFM, shown: Captioned) -> None:
        super().__init__(model, shown)
        self._right, self._wrong = (
            torch.from_numpy(part.copy()) for part in (shown.caption, shown.wrong)
        )
        inputs = _inputs(model)
        self.truth = _head(inputs, 1)
        self.start = nn.Linear(inputs, _VOICE)
        self.heard = nn.Embedding(len(self._words), _VOICE, padding_idx=0)
        self.voice = nn.GRU(_VOICE, _VOICE, batch_first=True)
        self.said = nn.Linear(_VOICE, len(self._words))

    def losses(self, rows: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Matching and captioning, nats."""
        seen = self._pictures(rows)
        answer = self._match(seen, rows)
        truth = torch.zeros_like(answer)
        truth[:, : self._right.shape[1]] = 1.0
        matching = functional.binary_cross_entropy_with_logits(answer, truth)
        return {"matching": matching, "captioning": self._caption(seen, rows, generator)}

    def scores(self, rows: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Share of sentences rightly called true or false, half of which are; captioning, nats."""
        seen = self._pictures(rows)
        answer, count = self._match(seen, rows), self._right.shape[1]
        right = torch.cat([answer[:, :count] > 0, answer[:, count:] <= 0], dim=1)
        return {
            "matching_accuracy": right.float().mean(),
            "val_loss_captioning": self._caption(seen, rows, generator),
        }

    def _match(self, seen: Mapping[str, Tensor], rows: Tensor) -> Tensor:
        """(B, 2 C) logits of being true: the C true sentences, then the C false ones."""
        asked = torch.cat([self._right[rows], self._wrong[rows]], dim=1)
        of = torch.arange(len(rows)).repeat_interleave(asked.shape[1])
        texts = Instructions(self._texts, asked.flatten().numpy())
        found = self.model.look(seen, texts, of.to(self.model.centres.device))
        answer: Tensor = self.truth(found)
        return answer.view(len(rows), -1)

    def _caption(
        self, seen: Mapping[str, Tensor], rows: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Nats per word of one of its sentences, each word from the picture and those before it."""
        turn = torch.randint(self._right.shape[1], (len(rows), 1), generator=generator)
        device = self.model.centres.device
        words = self._words.of(self._right[rows].gather(1, turn)[:, 0]).to(device)
        found = self.model.look(seen, Instructions.same(_PROMPT, len(rows)))
        heard = functional.pad(words[:, :-1], (1, 0))
        told, _ = self.voice(self.heard(heard), self.start(found).tanh()[None])
        return functional.cross_entropy(self.said(told).flatten(0, 1), words.flatten(), ignore_index=0)  # fmt: skip


class Unimodal(Objective):
    """Pictures without their sentences, and sentences without their pictures."""

    def __init__(self, model: CompactEFM, shown: Captioned, train: int) -> None:
        """Sentences are learned from those of the first `train` pictures."""
        super().__init__(model, shown)
        # In an order that says nothing about pictures.
        parts = (shown.caption[:train], shown.caption[train:])
        self._sentences, self._kept_out = (torch.from_numpy(np.sort(p, axis=None)) for p in parts)
        self._each = shown.caption.shape[1]
        spec = model.spec
        self.filled = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(spec.channels[-1], _WIDTH // 2, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(_WIDTH // 2, 3 * _CELL**2 * (2 if name in spec.previous else 1), 1),
            )
            for name in spec.cameras
        )
        _, asked, _ = model.read(Instructions.same(_PROMPT, 1))
        self.guess = _head(int(model.summary(asked).numel()), len(self._words))

    def losses(self, rows: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Mean squared error in the holes, in units of the picture's own spread, and nats per word."""
        words, guess = self._guess(self._sentences, len(rows), generator)
        return {
            "pictures": self._fill(rows, generator),
            "words": functional.cross_entropy(guess, words),
        }

    def scores(self, rows: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """The same error, and the share of missing words that are guessed."""
        words, guess = self._guess(self._kept_out, len(rows), generator)
        return {
            "val_loss_pictures": self._fill(rows, generator),
            "word_accuracy": (guess.argmax(dim=1) == words).float().mean(),
        }

    def _fill(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        seen, off = self._pictures(rows), []
        for eye, name, filled in zip(
            self.model.eyes, self.model.spec.cameras, self.filled, strict=True
        ):
            assert isinstance(eye, Eye)
            frames = [seen[name]]
            if name in self.model.spec.previous:
                frames.append(seen[f"{name}{PREVIOUS}"])
            hidden = _holes(frames[0], generator)
            whole = torch.cat(frames, dim=-1).float()
            middle = whole.mean(dim=(1, 2), keepdim=True)
            shown = [
                torch.where(hidden, middle[..., 3 * i : 3 * i + 3].to(torch.uint8), frame)
                for i, frame in enumerate(frames)
            ]
            high, columns = whole.shape[1] // _CELL, whole.shape[2] // _CELL
            grid = eye.features(shown).transpose(1, 2)
            grid = grid.reshape(*grid.shape[:2], high, columns)
            drawn = functional.pixel_shuffle(filled(grid), _CELL).permute(0, 2, 3, 1)
            spread = whole.std(dim=(1, 2), keepdim=True).clamp(min=1.0)
            error = (drawn - (whole - middle)[:, : high * _CELL, : columns * _CELL] / spread) ** 2
            missing = hidden[:, : high * _CELL, : columns * _CELL].expand_as(error)
            off.append(error[missing].mean())
        return torch.stack(off).mean()

    def _guess(
        self, sentences: Tensor, pictures: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Missing words (S,) and logits of every word, (S, words); as many sentences as such a batch of
        pictures has true ones.
        """
        picked = torch.randint(len(sentences), (pictures * self._each,), generator=generator)
        chance = torch.rand(len(picked), generator=generator)
        holed = [
            self._words.without_one(int(text), float(luck))
            for text, luck in zip(sentences[picked], chance, strict=True)
        ]
        texts = {text: i for i, text in enumerate(dict.fromkeys(text for text, _ in holed))}
        index = np.array([texts[text] for text, _ in holed])
        _, asked, which = self.model.read(Instructions(tuple(texts), index))
        guess: Tensor = self.guess(self.model.summary(asked).flatten(1)[which])
        return torch.tensor([word for _, word in holed], device=guess.device), guess


class _Words:
    """The words of some sentences as numbers; 0 is the end."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._split = [split_words(text) for text in texts]
        known = dict.fromkeys(word for words in self._split for word in words)
        self._number = {word: i for i, word in enumerate(known, start=1)}
        longest = max(len(words) for words in self._split)
        self._ids = torch.zeros(len(texts), longest, dtype=torch.long)
        for row, words in zip(self._ids, self._split, strict=True):
            row[: len(words)] = torch.tensor([self._number[word] for word in words])

    def __len__(self) -> int:
        return len(self._number) + 1

    def of(self, texts: Tensor) -> Tensor:
        """(B, longest) words of these sentences, zeros behind them."""
        return self._ids[texts]

    def without_one(self, text: int, luck: float) -> tuple[str, int]:
        """The sentence with a word missing, and that word; `luck` in [0, 1) says which."""
        words = self._split[text]
        at = int(luck * len(words))
        holed = " ".join((*words[:at], _MISSING, *words[at + 1 :]))
        return holed, self._number[words[at]]


def _holes(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """(B, H, W, 1) True where a picture is hidden, in squares."""
    rows, height, width, _ = pictures.shape
    high, wide = -(-height // _HOLE), -(-width // _HOLE)
    squares = torch.rand(rows, high, wide, generator=generator) < _HOLES
    squares[:, 0, 0] |= ~squares.flatten(1).any(dim=1)  # at least one
    hidden = squares.repeat_interleave(_HOLE, dim=1).repeat_interleave(_HOLE, dim=2)
    return hidden[:, :height, :width, None].to(pictures.device)


def _inputs(model: CompactEFM) -> int:
    """F, the width of what is seen."""
    first = model.actor[0]
    assert isinstance(first, nn.Linear)
    return first.in_features


def _head(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, outputs))
