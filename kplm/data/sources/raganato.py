"""The word sense disambiguation data of Raganato, Camacho-Collados and Navigli (EACL 2017), read as supersenses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from kg.errors import KgError
from kg.wordnet import supersense_of_key
from kplm.data.sources.base import lines
from kplm.data.sources.sense_corpus import PARTS_OF_SPEECH, SenseCorpus, SenseItem, SenseSentence
from kplm.errors import DataError, did_you_mean

DATA, GOLD = ".data.xml", ".gold.key.txt"


@dataclass(frozen=True, slots=True)
class Key:
    """The right supersenses of one instance."""

    senses: tuple[str, ...]
    where: str


class Raganato(SenseCorpus):
    """``X.data.xml`` with ``X.gold.key.txt`` beside it; each sense key stands for its supersense.

    An instance with several keys has several right supersenses, each once. An expression of several words is one instance.

    Args:
        keys: the gold keys, if they lie elsewhere.
    """

    def __init__(self, keys: str | None = None) -> None:
        self.keys = keys

    def sentences(self, path: str | Path) -> Iterator[SenseSentence]:
        """Yield the sentences of one file.

        Raises:
            DataError: also where keys and instances do not belong together.
        """
        path = Path(path)
        place = Path(self.keys) if self.keys else path.with_name(path.name.replace(DATA, GOLD))
        if place == path:
            raise DataError(f"{path.name} does not end in {DATA}, so its keys are not known. Name them as 'keys'.")
        keys = _read_keys(place)
        for where, sentence in _elements(path):
            yield _sentence(sentence, where, keys, place.name)
        left = next(iter(keys.items()), None)
        if left:
            raise DataError(
                f"{left[1].where}: {path.name} has no instance '{left[0]}' ({len(keys)} such keys in all). "
                f"Give the file that the keys were made for."
            )


def _read_keys(place: Path) -> dict[str, Key]:
    found: dict[str, Key] = {}
    for where, line in lines(place):
        name, *keys = line.split() or [""]
        if name and not keys:
            raise DataError(f"{where}: '{name}' has no sense key. Lines are: id key1 key2 ...")
        if name in found:
            raise DataError(f"{where}: '{name}' has keys in line {found[name].where.rpartition(':')[2]} already.")
        if name:
            try:
                found[name] = Key(tuple(dict.fromkeys(map(supersense_of_key, keys))), where)
            except KgError as error:
                raise DataError(f"{where}: '{name}': {error}") from None
    return found


def _elements(path: Path) -> Iterator[tuple[str, Element]]:
    """The sentences, each with the place of its end."""
    where = f"{path.name}:1"
    parser: XMLPullParser[Element] = XMLPullParser(["end"])
    try:
        for where, line in lines(path):
            if "<!ENTITY" in line:  # a few of them can unfold to more than the memory holds, or name other files
                raise DataError(f"{where}: entities of a file's own are not read. Write their text where they stand.")
            parser.feed(f"{line}\n")
            for *_, element in parser.read_events():
                if isinstance(element, Element) and element.tag == "sentence":
                    yield where, element
                    element.clear()
        parser.close()
    except ParseError as error:
        raise DataError(f"{where}: not XML ({error}).") from None


def _sentence(element: Element, where: str, keys: dict[str, Key], place: str) -> SenseSentence:
    """Takes the keys of its instances out of ``keys``."""
    words, items = [], []
    for i, word in enumerate(element):
        words.append((word.text or "").strip())
        key = _take(word.get("id", ""), keys, where, place) if word.tag == "instance" else None
        pos = PARTS_OF_SPEECH.get(word.get("pos", ""), "")
        proper = word.get("pos") == "PROPN"
        items.append(SenseItem((i,), word.get("lemma", words[-1]), pos, key.senses if key else (), proper))
    return SenseSentence(words, tuple(items), element.get("id", ""), where)


def _take(name: str, keys: dict[str, Key], where: str, place: str) -> Key:
    if name not in keys:
        raise DataError(
            f"{where}: the instance '{name}' has no key in {place}.{did_you_mean(name, keys)} "
            f"Give the keys that were made for this file; each may stand there once."
        )
    return keys.pop(name)
