"""Names of entities, and the rules that tell where such a name counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from kg.errors import KgError, did_you_mean
from kg.names import Name
from kg.store import TripleStore
from kg.words import STOP_WORDS

Case = Literal["smart", "cased", "uncased"]

ALIAS_SHARE = 0.5


class Alias(NamedTuple):
    """One name of one entity; ``weight`` tells how often the name means this entity, relative to other entities."""

    entity: str
    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class Rules:
    """When a name in a text is taken for a link.

    Attributes:
        case: ``cased``: as the alias is written. ``uncased``: in any case. ``smart``: an alias without capitals counts
            in any case; one with capitals as it is written, with its first letter raised (``iPod``: ``IPod``), or, from
            four characters on, in capitals throughout (``London``: ``LONDON``, but ``Who`` not ``WHO``).
        min_length: shorter aliases are left out; in characters, and one more for an alias in small letters (``al``).
        threshold: links with a smaller score are left out; the score is in [0, 1].
        context: how much each neighbour in the graph that the text also mentions adds to the weight of a candidate.
        other_case: factor on weight and score where the text has another case than the alias.
        stop_words: words that are no alias by themselves, unless written in capitals (``US``, ``WHO``) and case counts.
    """

    case: Case = "smart"
    min_length: int = 2
    threshold: float = 0.0
    context: float = 10.0
    other_case: float = 0.8
    stop_words: frozenset[str] = STOP_WORDS

    def __post_init__(self) -> None:
        if self.case not in get_args(Case):
            raise KgError(f"There is no case rule '{self.case}'. {did_you_mean(self.case, get_args(Case))}")
        if not 0 <= self.threshold <= 1:
            raise KgError(f"A threshold is between 0 and 1; got {self.threshold}.")

    def usable(self, form: str) -> bool:
        """Whether an alias, its words joined by blanks, can be a name: long enough, has a letter, is no stop word."""
        if len(form) < self.min_length + form.islower() or not any(map(str.isalpha, form)):
            return False
        stopped = all(word in self.stop_words for word in form.casefold().split())
        return not stopped or (self.case != "uncased" and (form.isupper() or (" " in form and form != form.lower())))

    def accepts(self, form: str, surface: str) -> bool:
        """Whether ``surface``, found in a text, counts as the alias ``form``; both are equal but for their case."""
        if surface == form or self.case == "uncased":
            return True
        if self.case == "cased":
            return False
        if form == form.lower():
            return True
        return surface == form[0].upper() + form[1:] or (len(form) > 3 and surface == form.upper())

    def nothing_usable(self) -> KgError:
        """The error for aliases of which not one is usable."""
        return KgError(f"There is no usable alias among those given (min_length={self.min_length}). Give names.")


def store_aliases(store: TripleStore) -> Iterator[Alias]:
    """All labels and aliases of a store; where nothing has a name, as in K-BERT's graphs, the ids are the names.

    The weight is the prior, where the store has priors, else one more than the number of triples at the entity; an
    alias that is not the label has half of it.
    """
    has_priors = any(name.prior for name in store.named.values())
    degrees = store.degrees.tolist()
    for number, entity in enumerate(store.entities):
        name = store.name(entity) if store.named else Name(entity)
        yield from _aliases(entity, name, name.prior if has_priors else degrees[number] + 1.0)


def named_aliases(names: Mapping[str, Name]) -> Iterator[Alias]:
    """All labels and aliases by entity, without a graph: the weight is the prior, where there are priors, else 1."""
    has_priors = any(name.prior for name in names.values())
    for entity, name in names.items():
        yield from _aliases(entity, name, name.prior if has_priors else 1.0)


def _aliases(entity: str, name: Name, weight: float) -> Iterator[Alias]:
    if name.label:
        yield Alias(entity, name.label, weight)
    yield from (Alias(entity, text, weight * ALIAS_SHARE) for text in name.aliases if text != name.label)
