"""Millions of aliases on disk, opened as a memory map.

A folder holds two files. ``names.marisa`` is a trie (https://github.com/s-yata/marisa-trie) of the names as they are
compared: folded words, a line end after each; it gives every name a number. ``aliases.safetensors`` holds, in
compressed sparse rows, which aliases a name has, and each alias's entity, written form and weight.
"""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from kg.aliases import Alias, Rules
from kg.arrays import map_arrays, write_arrays
from kg.errors import KgError
from kg.strings import Strings, encoded
from kg.words import END, folded, spaced

if TYPE_CHECKING:
    from marisa_trie import BinaryTrie

NAMES, ALIASES = "names.marisa", "aliases.safetensors"


class AliasIndex:
    """Reads what `write_index` wrote. Nothing but the pages that a look-up touches comes into memory.

    A copy for another process (`pickle`) is the path of the folder.
    """

    def __init__(self, folder: str | Path) -> None:
        """Map both files.

        Raises:
            KgError: a file is missing or damaged, or the two are not of one index.
        """
        self.folder = Path(folder).resolve()
        arrays = map_arrays(self.folder / ALIASES)
        self._trie = _map_trie(self.folder / NAMES)
        try:
            self._starts, self._rows, self._weights = (arrays[name] for name in ("starts", "rows", "weights"))
            self._entities, self._forms = Strings.of(arrays, "entity"), Strings.of(arrays, "form")
            self._longest = int(arrays["longest"][0])
        except (KeyError, IndexError) as error:
            raise KgError(f"{self.folder / ALIASES} has no array {error}. {REBUILD}") from error
        if any(array.ndim != 1 or array.dtype.kind != "i" for array in (self._starts, self._rows)):
            raise KgError(f"{self.folder / ALIASES} is damaged: its rows are no whole numbers. {REBUILD}")
        if len(self._starts) != len(self._trie) + 1:
            counts = f"{len(self._trie):,} names and {len(self._starts) - 1:,} rows of aliases"
            raise KgError(f"{self.folder}: {NAMES} and {ALIASES} are not of one index: {counts}. {REBUILD}")

    def __len__(self) -> int:
        return len(self._trie)

    def __reduce__(self) -> tuple[type[AliasIndex], tuple[Path]]:
        return AliasIndex, (self.folder,)

    def hits(self, words: Sequence[str]) -> Iterator[tuple[int, int, int]]:
        """See `kg.matcher.Aliases.hits`."""
        text = encoded(folded(words) + END)
        prefixes, key_id, longest, place = self._trie.prefixes, self._trie.key_id, self._longest, 0
        for begin, word in enumerate(text.split(b"\n")[:-1]):
            for name in reversed(prefixes(text[place : place + longest])):
                yield begin, begin + name.count(b"\n"), key_id(name)
            place += len(word) + 1

    def aliases(self, key: int) -> list[Alias]:
        """See `kg.matcher.Aliases.aliases`."""
        try:
            begin, end = self._starts[key : key + 2].tolist()
            rows = self._rows[begin:end].tolist()
            return [Alias(self._entities[row], self._forms[row], float(self._weights[row])) for row in rows]
        except (IndexError, TypeError, ValueError) as error:
            raise KgError(f"{self.folder / ALIASES} is damaged: {error}. {REBUILD}") from error

    def save(self, folder: Path) -> None:
        """Copy the index."""
        for name in (NAMES, ALIASES):
            shutil.copyfile(self.folder / name, folder / name)


REBUILD = "Write the linker again (kplm kg index, or Linker.save)."


def write_index(folder: Path, aliases: Iterable[Alias], rules: Rules) -> None:
    """Write the aliases that are usable by ``rules``, streaming: memory for 5,000,000 of them stays below 1 GB.

    Args:
        folder: where the two files go.
        aliases: in any order; those of one name keep theirs.
        rules: which are usable.

    Raises:
        KgError: not one is usable.
    """
    from marisa_trie import BinaryTrie

    columns = _Columns()
    names = columns.gather(tqdm(aliases, desc="Reading aliases", unit=" aliases", delay=1.0), rules)
    trie = BinaryTrie(names, num_tries=1)  # searched in two thirds of the time of the usual three levels
    if not len(trie):
        raise rules.nothing_usable()
    keys = columns.keys(trie)
    (folder / NAMES).write_bytes(trie.tobytes())
    starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=len(trie)))])
    rows = np.argsort(keys, kind="stable")
    write_arrays(folder / ALIASES, {"starts": starts, "rows": rows, **columns.arrays()})


class _Columns:
    """The aliases while they are gathered, without a Python object for each."""

    def __init__(self) -> None:
        self._entities, self._forms, self._weights = Strings.empty(), Strings.empty(), array("d")
        self._longest = 0

    def gather(self, aliases: Iterable[Alias], rules: Rules) -> Iterator[bytes]:
        """Keep every usable alias, and yield its name as the trie wants it."""
        for entity, text, weight in aliases:
            form = spaced(text)
            if rules.usable(form):
                self._entities.append(entity)
                self._forms.append(form)
                self._weights.append(weight)
                name = _name(form)
                self._longest = max(self._longest, len(name))
                yield name

    def keys(self, trie: BinaryTrie) -> np.ndarray:
        """The number of each alias's name, ``[A] int64``."""
        forms = (self._forms[row] for row in range(len(self._forms)))
        bar = tqdm(forms, "Numbering names", len(self._forms), unit=" aliases", delay=1.0)
        return np.fromiter((trie.key_id(_name(form)) for form in bar), np.int64)

    def arrays(self) -> dict[str, np.ndarray]:
        """What is written of them; ``longest`` is the length of the longest name in bytes."""
        strings = {**self._entities.arrays("entity"), **self._forms.arrays("form")}
        return {**strings, "weights": np.asarray(self._weights), "longest": np.array([self._longest])}


def _name(form: str) -> bytes:
    return encoded(folded(form.split(" ")) + END)


def _map_trie(path: Path) -> BinaryTrie:
    from marisa_trie import BinaryTrie

    if not path.is_file():
        raise KgError(f"There is no file {path}. {REBUILD}")
    try:
        return BinaryTrie().mmap(str(path))
    except RuntimeError as error:
        raise KgError(f"{path} is truncated or no trie ({error}). {REBUILD}") from error
