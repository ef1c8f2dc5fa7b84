"""The trained role labeller as a source of roles, beside files and rules."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

from tqdm import tqdm

from kplm.data.encode import TextEncoder
from kplm.data.roles.base import Predicate, RoleSource, Words
from kplm.data.roles.places import lasting
from kplm.hub import load_finetuned
from kplm.locate import locate
from kplm.roles.tagger import RoleTagger

CHUNK = 2048
"""Sentences in memory at once."""


class Labeller(RoleSource):
    """Semantic roles by a model of ``lightning_configs/srl``; it is opened when the first sentence comes.

    Args:
        model: folder that ``kplm export`` wrote, hub repository, or checkpoint.
        device: where it runs.
        batch_tokens: most positions computed at once.
        bf16: compute in bfloat16, which is faster on processors and devices that know it.
    """

    def __init__(self, model: str, device: str = "cpu", batch_tokens: int = 4096, bf16: bool = False) -> None:
        self.model, self.device, self.batch_tokens, self.bf16 = lasting(model), device, batch_tokens, bf16
        self.init_args = {"model": self.model, "device": device, "batch_tokens": batch_tokens, "bf16": bf16}

    def __call__(self, sentences: Sequence[Words]) -> list[tuple[Predicate, ...]]:
        """The predicates of each sentence, in the order of its words; none where there are none.

        Raises:
            CheckpointError: there is no such model.
            KplmError: it labels no roles.
            DataError: a word is not a string.
        """
        found: list[tuple[Predicate, ...]] = []
        with tqdm(total=len(sentences), desc="roles", unit="sentence", disable=len(sentences) <= CHUNK) as bar:
            for start in range(0, len(sentences), CHUNK):
                some = sentences[start : start + CHUNK]
                found += self.tagger(some, batch_tokens=self.batch_tokens)
                bar.update(len(some))
        return found

    @cached_property
    def tagger(self) -> RoleTagger:
        """The model, opened."""
        model, description = load_finetuned(self.model)
        return RoleTagger(model.to(self.device), TextEncoder.from_description(description), self.bf16)

    @cached_property
    def edition(self) -> str:  # type: ignore[override]
        """The digest of the model's files, whatever their place is called."""
        place = locate(self.model)
        files = [place] if place.is_file() else [*sorted(place.glob("*.json")), *sorted(place.glob("*.safetensors"))]
        digest = hashlib.sha256()
        for path in files:
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]
