"""Supersense corpora as JSON lines: a sentence a line, such as SemCor and STREUSLE can be brought to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kg.wordnet import SUPERSENSES
from kplm.data.sources.base import json_lines
from kplm.data.sources.row import Row, is_a
from kplm.data.sources.sense_corpus import PARTS_OF_SPEECH, SenseCorpus, SenseItem, SenseSentence
from kplm.errors import did_you_mean

_FORM = "A row needs words, lemmas, pos and supersense, one each a word; expressions of several words stand in mwe."


class SupersenseJson(SenseCorpus):
    """One sentence a line, in ``.jsonl`` or ``.jsonl.gz``.

    ================  =====================================================================================================
    ``words``         list of strings
    ``lemmas``        one a word
    ``pos``           one a word, universal parts of speech
    ``supersense``    one a word, null where nobody said
    ``mwe``           ``[{"tokens": [0, 1], "lemma": "take_place", "supersense": "verb.change", "pos"?, "alt"?, "ne"?}, ...]``:
                      expressions of several words, found at their first word where others stand between them
    ``alt``           ``{"4": ["noun.act", "noun.event"], ...}``: all right supersenses of a word that has several
    ``ne``            ``{"2": "person", ...}``: words that are proper names, tagged through a word for what is named
    ``id``            string or whole number; the line number where absent
    ================  =====================================================================================================

    Args:
        names: keep proper names that are tagged through a general word ('ne'), as all of SemCor's are: 'person', 'group' and
            'location' are noun.Tops in WordNet, which says nothing of the name. By default they carry no gold.
    """

    def __init__(self, names: bool = False) -> None:
        self.names = names

    def sentences(self, path: str | Path) -> Iterator[SenseSentence]:
        """Yield the sentences of one file."""
        for where, fields in json_lines(path):
            yield self._sentence(Row(fields, where, _FORM))

    def _sentence(self, row: Row) -> SenseSentence:
        words, lemmas, pos = (row.strings(name) for name in ("words", "lemmas", "pos"))
        senses = row.get("supersense", list)
        for name, found in (("lemmas", lemmas), ("pos", pos), ("supersense", senses)):
            if len(found) != len(words):
                raise row.error(f"field '{name}' has {len(found)} entries for {len(words)} words.")
        more, named = (_by_word(row, name, len(words)) for name in ("alt", "ne"))
        singles = [
            self._item(row, (i,), lemmas[i], pos[i], senses[i], more.get(str(i)), named.get(str(i)))
            for i in range(len(words))
        ]
        return SenseSentence.of(words, singles, [*self._expressions(row)], row.id(), row.where)

    def _expressions(self, row: Row) -> Iterator[SenseItem]:
        for given in row.get("mwe", list) if row.has("mwe") else []:
            if not is_a(given, dict):
                raise row.wrong("mwe", "a list of objects", row.fields["mwe"])
            one = Row(given, f"{row.where}: mwe", "An expression needs tokens, lemma and supersense.")
            tokens = one.get("tokens", list)
            if not all(is_a(token, int) for token in tokens):
                raise one.wrong("tokens", "a list of whole numbers", tokens)
            pos = one.get("pos", str) if one.has("pos") else ""
            more = (given.get(name) for name in ("supersense", "alt", "ne"))
            yield self._item(one, tuple(tokens), one.get("lemma", str), pos, *more)

    def _item(
        self, row: Row, tokens: tuple[int, ...], lemma: str, pos: str, sense: Any, several: Any, name: Any
    ) -> SenseItem:
        gold = several if several else [] if sense is None else [sense]
        if not is_a(gold, list) or not all(is_a(one, str) for one in gold):
            raise row.error(
                f"the supersense of '{lemma}' must be a string or null, and 'alt' a list of them, got {gold}."
            )
        if strange := [one for one in gold if one not in SUPERSENSES]:
            near = did_you_mean(strange[0], SUPERSENSES) or f" Possible are {', '.join(SUPERSENSES)}."
            raise row.error(f"'{strange[0]}' of '{lemma}' is no supersense of WordNet.{near}")
        kind = PARTS_OF_SPEECH.get(pos) or (gold[0].partition(".")[0] if gold else "")
        kept = tuple(gold) if self.names or not name else ()
        return SenseItem(tokens, lemma, kind, kept, proper=bool(name) or pos == "PROPN")


def _by_word(row: Row, name: str, count: int) -> dict[str, Any]:
    """A field that says something of some words, by their places."""
    found = row.get(name, dict) if row.has(name) else {}
    if strange := sorted(found.keys() - set(map(str, range(count)))):
        raise row.error(
            f"field '{name}' tells of the word '{strange[0]}', but the sentence has {count}, counted from 0."
        )
    return found
