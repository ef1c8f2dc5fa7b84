"""WordNet: what its words may mean, by supersense."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kg.errors import KgError
from kg.wordnet.files import read_index, read_irregular, read_supersenses
from kg.wordnet.find import POS, find_wordnet
from kg.wordnet.morphology import base_forms
from kg.wordnet.supersenses import SUPERSENSES

if TYPE_CHECKING:
    from kg.store import TripleStore
    from kg.wordnet.synsets import Gloss

LETTERS = {"n": "noun", "v": "verb", "a": "adj", "s": "adj", "r": "adv"}


class WordNet:
    """Princeton WordNet (Fellbaum, 1998), version 3.0 or 3.1: lemmas, supersenses, and on demand its graph and glosses.

    Words are looked up in small letters, with ``_`` for the blanks of a collocation. An open WordNet is plain data and can
    be handed to data workers.

    Attributes:
        folder: where its files lie.
    """

    def __init__(
        self,
        folder: Path,
        entries: Mapping[str, Mapping[str, tuple[int, ...]]],
        irregular: Mapping[str, Mapping[str, tuple[str, ...]]],
    ) -> None:
        """Use `open`.

        Args:
            folder: where the files lie.
            entries: for each part of speech its lemmas, with the numbers of their supersenses, most frequent sense first.
            irregular: for each part of speech the base forms of irregular forms.
        """
        self.folder, self._entries, self._irregular = folder, entries, irregular

    @classmethod
    def open(cls, folder: str | Path | None = None) -> WordNet:
        """Read the lemmas and supersenses of WordNet.

        Args:
            folder: see `find_wordnet`, which looks for it by itself.

        Raises:
            KgError: WordNet is not found, or a file is damaged.
        """
        found = find_wordnet(folder)
        entries = {}
        for pos in POS:
            data = found / f"data.{pos}"
            entries[pos] = read_index(found / f"index.{pos}", read_supersenses(data), data)
        return cls(found, entries, {pos: read_irregular(found / f"{pos}.exc") for pos in POS})

    def __len__(self) -> int:
        """How many entries there are, pairs of lemma and part of speech."""
        return sum(map(len, self._entries.values()))

    def entries(self) -> Iterator[tuple[str, str]]:
        """All pairs of lemma and part of speech."""
        return ((lemma, pos) for pos in POS for lemma in self._entries[pos])

    def lemmas(self, word: str, pos: str) -> tuple[str, ...]:
        """The lemmas that ``word`` may be a form of as noun, verb, adj or adv; none where it is unknown."""
        pos = _pos(pos)
        return base_forms(_spelt(word), pos, self._entries[pos], self._irregular[pos])

    def senses(self, lemma: str, pos: str) -> tuple[str, ...]:
        """The distinct supersenses of a lemma in one part of speech, that of the most frequent sense first.

        Args:
            lemma: as WordNet has it; inflected forms are unknown.
            pos: noun, verb, adj or adv, or WordNet's letter for it.

        Returns: none where the lemma is unknown.
        """
        return tuple(SUPERSENSES[number] for number in self._entries[_pos(pos)].get(_spelt(lemma), ()))

    def supersenses(self, word: str) -> tuple[str, ...]:
        """The allowed supersenses A(w) of SenseBERT (Levine et al., 2020, section 3.1).

        Those of all lemmas that the word may be a form of in any part of speech, each once, in the order of `SUPERSENSES`.
        None where the word is unknown.
        """
        return tuple(SUPERSENSES[number] for number in self.supersense_numbers(word))

    def supersense_numbers(self, word: str) -> list[int]:
        """`supersenses` as places in `SUPERSENSES`."""
        form = _spelt(word)
        numbers: set[int] = set()
        for pos, known in self._entries.items():
            for lemma in base_forms(form, pos, known, self._irregular[pos]):
                numbers.update(known[lemma])
        return sorted(numbers)

    def graph(self) -> TripleStore:
        """Synsets as entities and pointers as relations, see `kg.wordnet.graph`."""
        from kg.wordnet.graph import graph

        return graph(self.folder)

    def glosses(self) -> Iterator[Gloss]:
        """The definition and examples of every synset, in the order of the data files."""
        from kg.wordnet.synsets import read_synsets

        return (synset.gloss for synset in read_synsets(self.folder))


def _spelt(word: str) -> str:
    return word.lower().replace(" ", "_")


def _pos(pos: str) -> str:
    name = LETTERS.get(pos.lower(), pos.lower())
    if name not in POS:
        raise KgError(f"WordNet has no part of speech '{pos}'. Possible: {', '.join(POS)}, or {', '.join(LETTERS)}.")
    return name
