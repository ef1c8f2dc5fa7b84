"""The Lightning data module of pretraining on pictures: captions with regions, and texts without, masked anew in every epoch."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from kplm.data.annotate import Regions
from kplm.data.annotate.regions import ABOUT
from kplm.data.collate import Collator
from kplm.data.encode import Row, TextEncoder
from kplm.data.example import Example
from kplm.data.loading import LengthBatched
from kplm.data.mirror import Mirror
from kplm.data.packing import Packing, row_steps
from kplm.data.pretraining import ALWAYS, Masking, masked
from kplm.data.sources import Captions, PlainText, Source
from kplm.errors import DataError, KplmError
from kplm.fields import FIELDS, IGNORE
from kplm.knowledge import Knowledge
from kplm.locate import locate
from kplm.masking import Masker
from kplm.masking.shares import check_shares
from kplm.text import Tokenizer
from kplm.text.truncate import shortened

log = logging.getLogger(__name__)
MATCH, NO_MATCH = 1, 0
LEAST = 8
"""Tokens and regions that a row needs to say anything."""


class CaptionRows(Dataset[Row]):
    """Encoded captions; with a share of them, drawn anew in every epoch, goes the picture of another.

    Args:
        rows: captions, and texts without a picture.
        text: the encoder.
        mismatched: share of captions that get another's picture; None: the rows do not say what belongs together.
        seed: of these draws.
        mirror: mirrors a share of the pictures, for training.
        together: tokens and regions of a row at most; None: any number.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        text: TextEncoder,
        mismatched: float | None,
        seed: int,
        mirror: Mirror | None = None,
        together: int | None = None,
    ) -> None:
        self.rows, self.text, self.mismatched, self.seed, self.mirror = rows, text, mismatched, seed, mirror
        self.together = together
        lengths = np.array([text.length(row) for row in rows], np.int64)
        self.lengths = lengths if together is None else np.minimum(lengths, together)
        self.pictures = [i for i, row in enumerate(rows) if row[ABOUT][0] is not None]

    @property
    def positions(self) -> int:
        """Rows of the position table that the longest row needs: its tokens, its regions' and [END]'s."""
        return max((len(row["input_ids"]) + 2 for row in self.rows), default=0)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int | tuple[int, int]) -> Row:
        number, epoch = index if isinstance(index, tuple) else (index, 0)
        row = {**self.rows[number], "row": number, "epoch": epoch}
        if self.mismatched is not None:
            row |= self._paired(number, epoch)
        whole = self.text.fetch(row if self.mirror is None else self.mirror(row, number, epoch))
        return whole if self.together is None else _shortened(whole, self.together)

    def _paired(self, number: int, epoch: int) -> dict[str, Any]:
        own = self.rows[number][ABOUT]
        if own[0] is None:
            return {"sentence_image": IGNORE}
        draw = np.random.default_rng((self.seed, epoch, number))
        other = self.rows[self.pictures[draw.integers(len(self.pictures))]][ABOUT]
        if draw.random() >= (self.mismatched or 0) or other[0] == own[0]:
            return {"sentence_image": MATCH}
        return {"sentence_image": NO_MATCH, ABOUT: other}


def _shortened(row: Row, room: int) -> Row:
    """The longer of text and picture loses its last elements; the text keeps its last [SEP]."""
    length, count = shortened(len(row["input_ids"]), len(row["regions"]), room)
    kept = {"L": np.r_[: length - 1, len(row["input_ids"]) - 1], "R": slice(count)}
    axes = {name: FIELDS[name].shape[:1] for name in row}
    found = {name: value[kept[axes[name]]] if axes[name] in kept else value for name, value in row.items()}
    found["position_ids"] = row["position_ids"][:length]
    found["token_regions"] = np.where(found["token_regions"] < count, found["token_regions"], 0)
    return found


class CaptionData(LengthBatched):
    """Captions with their pictures, and texts, to masked batches.

    Args:
        tokenizer: folder, file or name whose tokenizer.json or vocab.txt is used; the same as the encoder's.
        regions: how pictures are seen; with their classes where masked regions are to be told.
        source: how captions are written.
        train: captions to train on.
        val: captions to validate on; their masks are the same each time.
        test: captions to test on.
        texts: a file of texts without pictures, one a line, that are mixed among the training captions.
        maskers: what to hide, applied in order; words and regions, for example.
        mismatched: share of captions that get another's picture, for :class:`kplm.objectives.SentenceImage`; None, as
            published: every caption keeps its own, and nothing says so.
        knowledge: 'on', 'off' (no pictures) or 'shuffled' (every caption with the wrong one).
        max_length: longest text in tokens.
        together: tokens and regions of a row at most, 64 as published; the longer of the two is cut, its last elements first.
            None: any number.
        batch_tokens: most positions in a batch, regions and padding included.
        batch_rows: most rows in a batch.
        workers: processes that open pictures, mask and collate; 0 does it in the training process.
        packing: as in :class:`kplm.data.module.TextData`.
        seed: fixes the order of the rows and all draws, independent of every other seed.
    """

    def __init__(
        self,
        tokenizer: str,
        regions: Regions,
        source: Source | None = None,
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        texts: str | None = None,
        maskers: list[Masker] | None = None,
        mismatched: float | None = None,
        knowledge: Knowledge = "on",
        max_length: int = 64,
        together: int | None = None,
        batch_tokens: int = 4096,
        batch_rows: int = 64,
        workers: int = 0,
        packing: Packing = "none",
        seed: int = 0,
    ) -> None:
        files = {"train": train, "val": val, "test": test, "predict": None}
        super().__init__(files, batch_tokens, batch_rows, workers, seed)
        self.packing = row_steps(packing)
        check_shares(mismatched=mismatched or 0)
        self.source, self.texts = source or Captions(), texts
        self.maskers, self.mismatched, self.together = maskers or [], mismatched, together
        if together is not None and together < LEAST:
            raise KplmError(
                f"together={together} leaves no room for a word and a region. Give {LEAST} or more; published is 64."
            )
        self.text = TextEncoder(Tokenizer.from_file(locate(tokenizer)), [regions], max_length=max_length)
        self.text.switch(knowledge)
        for masker in self.maskers:
            masker.build(self.text.tokenizer)

    @property
    def writes(self) -> frozenset[str]:
        """Batch fields that come out.

        Raises:
            MissingFieldError: a masker reads a field that is not there.
        """
        found = set(ALWAYS | self.text.writes) | ({"sentence_image"} if self.mismatched is not None else set())
        return frozenset(masked(self.maskers, found))

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the encoder that these batches need, under the names of its config."""
        return {**self.text.sizes, "positions": self.positions}

    @property
    def collator(self) -> Collator:
        """Pads, then masks."""
        return Collator([Masking(self.maskers, self.seed), *self.packing])

    def read(self, name: str) -> CaptionRows:
        """Read and encode one file of captions, and the texts that go with the training ones."""
        path = self.files[name]
        if path is None:
            raise DataError(f"data.{name} names no file; give one, for example --data.{name} FILE.")
        examples = list(self.source.read(path))
        if not examples:
            raise DataError(f"{path} holds no caption.")
        texts = self._texts() if name == "train" and self.texts else []
        log.info(f"{name}: {len(examples):,} captions from {path}, {len(texts):,} texts")
        mirror = Mirror.of(examples, self.text, self.seed) if name == "train" else None
        rows = self.text([*examples, *texts])
        return CaptionRows(rows, self.text, self.mismatched, self.seed, mirror, self.together)

    def suit(self, expects: Mapping[str, Any]) -> None:
        """See :meth:`LengthBatched.suit`."""
        self.text.suit(expects)

    def describe(self) -> dict[str, Any]:
        """How texts and pictures become batches, so that a task can go on in the same way."""
        return self.text.describe()

    def _texts(self) -> list[Example]:
        assert self.texts is not None
        return [example for example in PlainText().read(self.texts) if example.text.strip()]
