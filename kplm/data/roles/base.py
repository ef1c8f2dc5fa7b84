"""The seam of semantic roles: who did what to whom, from a file, by rules, or from a trained labeller."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kplm.errors import KplmError

Words = Sequence[str]
"""The words of a sentence."""
Span = tuple[str, int, int]
"""A label, the first word, and the word behind the last."""
OUTSIDE, VERB = "O", "V"


@dataclass(frozen=True, slots=True)
class Predicate:
    """A predicate of a sentence and its arguments, in the labels of PropBank (Palmer et al., 2005)."""

    index: int
    """Its word, from 0."""
    tags: tuple[str, ...]
    """A BIO tag a word: 'B-V', 'B-ARG0', 'I-ARG0', 'O', ..."""
    roleset: str | None = None
    """Its sense, such as 'give.01', where it is known."""

    @property
    def spans(self) -> list[Span]:
        """V and the arguments, in the order of the words."""
        return list(spans(self.tags))


class RoleSource(ABC):
    """Knows the predicates of sentences. Subclasses keep their ``init_args``, so that a checkpoint can name them."""

    @abstractmethod
    def __call__(self, sentences: Sequence[Words]) -> list[tuple[Predicate, ...]]:
        """The predicates of each sentence, in the order of its words.

        Args:
            sentences: the words of each; pass many at a time.
        """

    def ask(self, sentences: Sequence[Words]) -> list[tuple[Predicate, ...]]:
        """The same, for those who rely on an answer to every sentence.

        Raises:
            KplmError: there are more or fewer answers.
        """
        found = self(sentences)
        if len(found) != len(sentences):
            raise KplmError(
                f"{type(self).__name__} gave {len(found)} answers for {len(sentences)} sentences. A source of roles gives each "
                f"sentence a tuple of predicates, which may be empty."
            )
        return found

    def words(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """The words this source expects, as the characters ``[start, end)`` of each text.

        By default those of spaCy's English tokenizer, which cuts as PropBank does ("do", "n't"); white space is no word.
        """
        from kg.parsing import english_words  # spaCy comes late

        return english_words(texts)

    @property
    def edition(self) -> str:
        """What decides the roles besides ``init_args``, such as the digest of a model; :class:`Kept` caches editions apart."""
        return ""


def spans(tags: Sequence[str]) -> Iterator[Span]:
    """The spans of BIO tags; an I- that continues nothing begins one."""
    begin, label = 0, ""
    for at, tag in enumerate((*tags, OUTSIDE)):
        kind, _, name = tag.partition("-")
        if kind != "I" or name != label:
            if label:
                yield label, begin, at
            begin, label = at, name


def written(size: int, found: Sequence[Span]) -> tuple[str, ...]:
    """BIO tags of ``size`` words from spans that do not overlap."""
    tags = [OUTSIDE] * size
    for label, begin, end in found:
        tags[begin:end] = [f"B-{label}", *[f"I-{label}"] * (end - begin - 1)]
    return tuple(tags)
