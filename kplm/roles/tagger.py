"""Words in, predicates with their arguments out: the two passes of the trained role labeller."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kplm.data.batches import OwnShare
from kplm.data.collate import Collator
from kplm.data.encode import AROUND, TextEncoder
from kplm.data.role_targets import RoleTargets
from kplm.data.roles.base import OUTSIDE, VERB, Predicate, Words
from kplm.errors import DataError, KplmError
from kplm.heads import TagRoles
from kplm.roles.stretches import Stretch, around, pieces_before, whole
from kplm.text.tokens import Ints
from kplm.training import Finetune

ROWS = 256
"""Most rows computed at once."""


class RoleTagger:
    """A fine-tuned model that labels roles.

    A first pass asks each sentence for its predicates, a second one each predicate for its arguments. Sentences longer than
    the model can read are read in stretches: predicates are looked for everywhere, arguments in what can be read around them.

    Args:
        model: a model with the head :class:`kplm.heads.TagRoles`.
        text: how its texts become batches.
        bf16: compute in bfloat16, which is faster on processors and devices that know it.

    Raises:
        KplmError: the model does other things.
    """

    def __init__(self, model: Finetune, text: TextEncoder, bf16: bool = False) -> None:
        if not isinstance(model.head, TagRoles):
            raise KplmError(
                f"this model has the head {type(model.head).__name__}, so it labels no roles. "
                f"Train one with lightning_configs/srl/ewt.yaml."
            )
        self.model, self.text, self.bf16 = model.eval(), text, bf16
        self.text.targets = RoleTargets([])
        self.room = text.max_length - AROUND[text.specials]

    def __call__(
        self,
        sentences: Sequence[Words],
        given: Sequence[Sequence[int] | None] | None = None,
        batch_tokens: int = 4096,
    ) -> list[tuple[Predicate, ...]]:
        """Label some sentences, all at once.

        Args:
            sentences: the words of each.
            given: for each sentence the words that are its predicates, where that is known.
            batch_tokens: most positions computed at once.

        Returns: the predicates of each sentence, in the order of its words.

        Raises:
            DataError: a word is not a string, or a given predicate is no word.
        """
        _check(sentences, given)
        before = pieces_before(sentences, self.text.tokenizer)
        found = [None] * len(sentences) if given is None else list(given)
        asked = [s for i, one in enumerate(found) if one is None for s in whole(i, before[i], self.room)]
        detected: list[list[int]] = [sorted({*(one or ())}) for one in found]
        for stretch, tags in zip(asked, self._tags(asked, sentences, batch_tokens)):
            detected[stretch.sentence] += [i for i in stretch.asked if tags[i - stretch.first] != OUTSIDE]
        return self._arguments(sentences, before, detected, batch_tokens)

    def _arguments(
        self, sentences: Sequence[Words], before: Sequence[Ints], predicates: Sequence[Sequence[int]], batch_tokens: int
    ) -> list[tuple[Predicate, ...]]:
        asked = [around(i, before[i], self.room, word) for i, words in enumerate(predicates) for word in words]
        found: list[list[Predicate]] = [[] for _ in sentences]
        for stretch, tags in zip(asked, self._tags(asked, sentences, batch_tokens)):
            number = stretch.sentence
            found[number].append(_predicate(stretch, tags, before[number]))
        return [tuple(one) for one in found]

    @torch.inference_mode()
    def _tags(self, asked: Sequence[Stretch], sentences: Sequence[Words], batch_tokens: int) -> list[list[str]]:
        """The tags of the words of each stretch; rows of similar length are computed together."""
        examples = [one.example(sentences[one.sentence]) for one in asked]
        rows = self.text(examples)
        collate = Collator([annotator.complete for annotator in self.text.annotators])
        device = self.model.device
        found: dict[int, list[str]] = {}
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
            for batch in OwnShare([self.text.length(row) for row in rows], batch_tokens, ROWS):
                fields = {name: field.to(device) for name, field in collate([rows[i] for i in batch]).items()}
                answers = self.model.head.decode(self.model(fields), fields)
                found.update((i, answer["tags"]) for i, answer in zip(batch, answers))
        return [found[i][: len(example.words)] for i, example in enumerate(examples)]


def _predicate(stretch: Stretch, found: Sequence[str], before: Ints) -> Predicate:
    """The predicate of a stretch; one of which the tokenizer leaves nothing, so that nobody can ask for it, has no arguments."""
    word = stretch.predicate
    assert word is not None
    tags = [OUTSIDE] * (len(before) - 1)
    if before[word] < before[word + 1]:
        tags[stretch.first : stretch.stop] = found
    tags[word] = f"B-{VERB}"
    return Predicate(word, tuple(tags))


def _check(sentences: Sequence[Words], given: Sequence[Sequence[int] | None] | None) -> None:
    for i, words in enumerate(sentences):
        wrong = [words] if isinstance(words, str) else [word for word in words if not isinstance(word, str)]
        if wrong:
            raise DataError(
                f"sentence {i} has {wrong[0]!r} where a {'list of words' if words is wrong[0] else 'word'} belongs."
            )
        for word in words:
            if not word.isascii() and any("\ud800" <= character <= "\udfff" for character in word):
                raise DataError(
                    f"sentence {i} has {word!r}, which holds half of a surrogate pair, no character. Remove it."
                )
        for at in (given[i] if given is not None else None) or ():
            if not 0 <= at < len(words):
                raise DataError(f"sentence {i} has {len(words)} words, so word {at} cannot be its predicate.")
