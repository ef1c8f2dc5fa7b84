"""Supersense predictions counted beside what needs no model: WordNet's first sense, and the most frequent one of a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

from kg.wordnet import WordNet
from kplm.data.sources.base import json_lines
from kplm.data.sources.raganato import Raganato
from kplm.data.sources.row import Row, is_a
from kplm.data.sources.sense_corpus import SenseCorpus, SenseItem, SenseSentence
from kplm.data.sources.supersense_json import SupersenseJson
from kplm.errors import DataError

Senses = dict[str, float]
"""Supersenses of a word with their probabilities, the best first."""
Prediction = tuple[str, list[str], list[Senses | None]]
"""Its place, and the words of a sentence with what was said of each; None for words that were cut away."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One line of the table."""

    part: str
    items: int
    right: dict[str, float]
    """Share of hits from 0 to 1, by who answers."""


def supersense_accuracy(
    gold: str | Path,
    predictions: str | Path | None = None,
    train: str | Path | None = None,
    wordnet: str | Path | None = None,
    expressions: bool = True,
    proper_nouns: bool = True,
) -> list[Accuracy]:
    """Accuracy on all words with gold, on the ambiguous ones, and by part of speech; any right supersense is a hit.

    A word is ambiguous where WordNet has several supersenses for its lemma and part of speech. The model is counted twice: with
    its best supersense of all, and with the best among those that WordNet has for the lemma and part of speech, where it gave
    any of them a ten-thousandth: word sense disambiguation offers these to choose from, and the baselines use them too.

    Args:
        gold: a file of :class:`SupersenseJson`, or one of :class:`Raganato` where its name ends in ``.xml``.
        predictions: JSON lines that ``kplm predict`` wrote for this file; None counts the baselines alone.
        train: a corpus as ``gold``, for the most frequent supersense of a lemma; WordNet answers for lemmas it lacks.
        wordnet: WordNet's folder, see :func:`kg.wordnet.find_wordnet`.
        expressions: count expressions of several words.
        proper_nouns: count proper names, where they have gold at all.

    Raises:
        DataError: a file cannot be read, a sentence has no prediction, or it was cut into other words.
        KgError: there is no WordNet.
    """
    allowed = Allowed(WordNet.open(wordnet))
    told = [
        (item, senses)
        for item, senses in _told(gold, predictions)
        if item.gold and (expressions or len(item.tokens) == 1) and (proper_nouns or not item.proper)
    ]
    items = [item for item, _ in told]
    answers: dict[str, list[str | None]] = {}
    if predictions is not None:
        answers["model"] = [next(iter(senses), None) for _, senses in told]
        answers["model+WordNet"] = [_best_of(senses, allowed(item)) for item, senses in told]
    answers["first sense"] = [allowed.first(item) for item in items]
    if train is not None:
        most = _most_frequent(train)
        answers["most frequent"] = [most.get(_key(item)) or allowed.first(item) for item in items]
    hits = {who: [tag in item.gold for item, tag in zip(items, tags)] for who, tags in answers.items()}
    return [_accuracy(part, keep, hits) for part, keep in _parts(items, allowed)]


class Allowed:
    """What WordNet knows of lemmas, looked up once each.

    Args:
        wordnet: an open WordNet.
    """

    def __init__(self, wordnet: WordNet) -> None:
        self.wordnet = wordnet
        self._known: dict[tuple[str, str], tuple[str, ...]] = {}

    def __call__(self, item: SenseItem) -> tuple[str, ...]:
        """The supersenses of its lemma in its part of speech, that of the first sense first; inflected lemmas are brought back."""
        key = _key(item)
        if key not in self._known:
            forms = self.wordnet.lemmas(*key) if item.pos else ()
            self._known[key] = tuple(
                dict.fromkeys(one for form in forms for one in self.wordnet.senses(form, item.pos))
            )
        return self._known[key]

    def first(self, item: SenseItem) -> str | None:
        """The supersense of the first sense; None for what WordNet lacks."""
        return next(iter(self(item)), None)


def _corpus(path: str | Path) -> SenseCorpus:
    return Raganato() if str(path).endswith(".xml") else SupersenseJson()


def _best_of(senses: Senses, allowed: Sequence[str]) -> str | None:
    return next((one for one in senses if one in allowed), next(iter(senses), None))


def _told(gold: str | Path, predictions: str | Path | None) -> Iterator[tuple[SenseItem, Senses]]:
    """Every item of the corpus with what was predicted."""
    said = {} if predictions is None else _read_predictions(predictions)
    for sentence in _corpus(gold).sentences(gold):
        if predictions is None:
            yield from ((item, Senses()) for item in sentence.items)
        elif sentence.id in said:
            yield from (
                (item, senses or {}) for item, senses in zip(sentence.items, _senses(said[sentence.id], sentence))
            )
        else:
            raise DataError(
                f"{sentence.where}: the sentence '{sentence.id}' has no prediction in {predictions}. Predict the whole file."
            )


def _read_predictions(path: str | Path) -> dict[str, Prediction]:
    found: dict[str, Prediction] = {}
    for where, fields in json_lines(path):
        row = Row(
            fields,
            where,
            'Lines are {"id": "7", "words": ["It", ...], "scores": [{"noun.act": 0.9}, ...]}, as kplm predict writes them.',
        )
        name, words, senses = row.name("id"), row.strings("words"), row.get("scores", list)
        if len(words) != len(senses):
            raise row.error(f"there are {len(senses)} scores for {len(words)} words.")
        if strange := [one for one in senses if one is not None and not is_a(one, dict)]:
            raise row.error(f"each word has its supersenses by name, or null, got {strange[0]!r}.")
        if name in found:
            raise row.error(f"the sentence '{name}' is answered twice.")
        found[name] = where, words, senses
    return found


def _senses(prediction: Prediction, sentence: SenseSentence) -> list[Senses | None]:
    where, words, senses = prediction
    example = sentence.example
    wanted = [example.text[start:end] for start, end in example.words]
    if words != wanted:
        at = next((i for i, (a, b) in enumerate(zip(words, wanted)) if a != b), min(len(words), len(wanted)))
        raise DataError(
            f"{where}: word {at} of the sentence '{sentence.id}' is {words[at : at + 1]}, but {wanted[at : at + 1]} in "
            f"{sentence.where}. Predict that file itself, with data.predict_source: kplm.data.sources.SupersenseJson or Raganato."
        )
    return senses


def _most_frequent(train: str | Path) -> dict[tuple[str, str], str]:
    """By lemma and part of speech; of several right ones the first counts, of equally frequent ones the one that came first."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for sentence in _corpus(train).sentences(train):
        for item in sentence.items:
            if item.gold:
                counts.setdefault(_key(item), Counter())[item.gold[0]] += 1
    return {key: found.most_common(1)[0][0] for key, found in counts.items()}


def _key(item: SenseItem) -> tuple[str, str]:
    return item.lemma.lower().replace(" ", "_"), item.pos


def _parts(items: Sequence[SenseItem], allowed: Allowed) -> Iterator[tuple[str, list[bool]]]:
    """The lines of the table, each with which items it counts."""
    yield "all", [True] * len(items)
    yield "ambiguous", [len(allowed(item)) > 1 for item in items]
    for part, kinds in (("nouns", ("noun",)), ("verbs", ("verb",)), ("nouns+verbs", ("noun", "verb"))):
        yield part, [item.pos in kinds for item in items]


def _accuracy(part: str, keep: list[bool], hits: dict[str, list[bool]]) -> Accuracy:
    count = sum(keep)
    right = {who: sum(compress(row, keep)) / max(1, count) for who, row in hits.items()}
    return Accuracy(part, count, right)
