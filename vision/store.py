"""Regions of many pictures on disk, memory-mapped and fetched by id."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kg.arrays import map_arrays
from kg.ids import IdIndex
from kg.places import META, locate, read_meta, whole_folder
from vision.blocks import BLOCKS, INDEX, KIND, block_path, finish, write_block
from vision.errors import VisionError, as_vision_error
from vision.found import Regions

log = logging.getLogger("vision")
Precision = Literal["float16", "float32"]
BLOCK = 256
MAPPED = 4096
"""Blocks mapped at the same time; Linux allows a process 65,530 maps."""


@dataclass(frozen=True)
class Batch:
    """Regions of several pictures, filled up with zeros.

    Attributes:
        boxes: ``[B, R, 4] float32``, as parts of each picture.
        features: ``[B, R, V] float32``.
        classes: ``[B, R, K] float32``, or None.
        counts: ``[B] int64``, how many regions each picture has.
        sizes: ``[B, 2] int64``, width and height in pixels.
    """

    boxes: np.ndarray
    features: np.ndarray
    classes: np.ndarray | None
    counts: np.ndarray
    sizes: np.ndarray


class RegionStore:
    """A frozen store that stays on disk; the first region of every picture is the whole picture.

    It can be handed to data workers: a copy in another process opens the same files.
    """

    def __init__(self, folder: Path) -> None:
        """Use `open`."""
        with as_vision_error():
            arrays = map_arrays(folder / INDEX)
            self._index = IdIndex(arrays)
            self.meta: dict[str, Any] = read_meta(folder)
        self.path = folder
        try:
            self.width, self.classes = int(self.meta["width"]), int(self.meta["classes"])
            self._blocks, self._firsts, self._counts = (_whole(arrays[name]) for name in ("blocks", "firsts", "counts"))
            self._sizes = arrays["sizes"]
            self._means = _whole(arrays.get("means", np.zeros(len(self._sizes), np.uint8)))
            told = {len(array) for array in (self._blocks, self._firsts, self._counts, self._sizes, self._means)}
            if told != {len(self._index)} or self._sizes.shape[1:] != (2,) or self._sizes.dtype.kind != "i":
                raise ValueError(
                    f"{INDEX} has {', '.join(map(str, sorted(told)))} entries for {len(self._index)} pictures"
                )
        except (KeyError, TypeError, ValueError) as error:
            raise VisionError(f"{folder} is damaged: {error}. Copy or write the store again.") from error
        self._mapped = lru_cache(MAPPED)(self._map)

    @classmethod
    def open(cls, path: str | Path, width: int | None = None) -> RegionStore:
        """Memory-map the store in the folder ``path``, which may be ``package:NAME/folder``.

        Args:
            path: the folder.
            width: V that is expected; None for any.

        Raises:
            VisionError: there is no whole store, or its features have another width.
        """
        with as_vision_error():
            folder = locate(path)
            kind = read_meta(folder).get("kind")
        if kind != KIND:
            begun = f"It has only been begun: run the same command again to go on. No {META}."
            none = "Make one with `kplm vision extract` or `kplm vision import`."
            raise VisionError(f"{folder} holds no region store. {begun if (folder / BLOCKS).is_dir() else none}")
        store = cls(folder)
        if width is not None and store.width != width:
            fix = "Set feature_width to the width of the store, or extract features of the width that the model has."
            raise VisionError(f"{folder}: features of width {store.width}, but {width} is expected. {fix}")
        return store

    @classmethod
    def write(
        cls,
        path: str | Path,
        pictures: Iterable[tuple[str, Regions]],
        meta: dict[str, Any] | None = None,
        dtype: Precision = "float16",
        block: int = BLOCK,
    ) -> RegionStore:
        """Write a store, whole or not at all, and open it.

        Args:
            path: the folder; an older store there is replaced.
            pictures: id and regions, without the whole picture, which is put before the others.
            meta: what to remember, such as the source.
            dtype: of features and classes on disk.
            block: pictures a file.

        Raises:
            VisionError: there is no picture, an id occurs twice, widths differ, or the folder cannot be written.
        """
        remaining, number = iter(pictures), 0
        with as_vision_error(), whole_folder(path, KIND) as folder:
            while some := [(name, one.with_whole()) for name, one in islice(remaining, block)]:
                write_block(folder, number, some, dtype=dtype)
                number += 1
            if not number:
                raise VisionError("A region store needs at least one picture.")
            finish(folder, number, meta or {})
        return cls.open(path)

    def __len__(self) -> int:
        return len(self._index)

    def __reduce__(self) -> tuple[type[RegionStore], tuple[Path]]:
        return RegionStore, (self.path,)

    def __contains__(self, name: str) -> bool:
        return self._index.rows([name])[0] >= 0

    @property
    def counts(self) -> np.ndarray:
        """How many regions each picture has, ``[N] int64``, the whole picture among them."""
        return self._counts

    def ids(self) -> Iterator[str]:
        """The ids of all pictures, in the order of their rows."""
        return (self._index[row] for row in range(len(self)))

    def rows(self, ids: Sequence[str]) -> np.ndarray:
        """The row of each id, ``[n] int64``; -1 where the store does not know it."""
        return self._index.rows(ids)

    def __getitem__(self, name: str) -> Regions:
        """The regions of one picture, the whole picture first; the arrays are views of the map.

        Raises:
            VisionError: the store does not know the picture.
        """
        row = int(self._known([name])[0])
        arrays, span = self._block(row)
        size = int(self._sizes[row, 0]), int(self._sizes[row, 1])
        classes = arrays["classes"][span] if "classes" in arrays else None
        mean = bool(self._means[row])
        return Regions(arrays["boxes"][span], arrays["features"][span], classes, size, mean=mean)

    def batch(self, ids: Sequence[str], most: int | None = None) -> Batch:
        """The regions of several pictures as float32.

        Args:
            ids: of the pictures.
            most: so many regions a picture at most, the whole picture among them.

        Raises:
            VisionError: the store does not know a picture.
        """
        rows = self._known(ids)
        places = [self._block(row) for row in rows.tolist()]
        counts = np.minimum(self._counts[rows], most if most is not None else np.iinfo(np.int64).max)
        longest = int(counts.max(initial=0))
        found = {"boxes": 4, "features": self.width} | ({"classes": self.classes} if self.classes else {})
        filled = {name: np.empty((len(rows), longest, width), np.float32) for name, width in found.items()}
        for at, ((arrays, span), count) in enumerate(zip(places, counts.tolist())):
            for name, target in filled.items():
                target[at, :count] = arrays[name][span.start : span.start + count]
                target[at, count:] = 0
        return Batch(filled["boxes"], filled["features"], filled.get("classes"), counts, np.array(self._sizes[rows]))

    def _known(self, ids: Sequence[str]) -> np.ndarray:
        rows = self._index.rows(ids)
        if (rows < 0).any():
            unknown = ids[int(np.flatnonzero(rows < 0)[0])]
            example = f" Its ids look like '{self._index[0]}'." if len(self) else ""
            raise VisionError(f"{self.path} has no picture '{unknown}'.{example}")
        return rows

    def _block(self, row: int) -> tuple[dict[str, np.ndarray], slice]:
        first = int(self._firsts[row])
        arrays, span = self._mapped(int(self._blocks[row])), slice(first, first + int(self._counts[row]))
        if not 0 <= span.start <= span.stop <= len(arrays["boxes"]):
            raise VisionError(f"{self.path / INDEX} names regions that its blocks do not have. Write the store again.")
        return arrays, span

    def _map(self, number: int) -> dict[str, np.ndarray]:
        path = block_path(self.path, number)
        with as_vision_error():
            arrays = map_arrays(path)
        widths = {"boxes": 4, "features": self.width} | ({"classes": self.classes} if self.classes else {})
        shapes = {name: arrays[name].shape for name in widths if name in arrays}
        if {name: shape[1:] for name, shape in shapes.items()} != {name: (width,) for name, width in widths.items()}:
            raise VisionError(f"{path} is damaged: it has the arrays {shapes}. Write the store again.")
        if len({shape[0] for shape in shapes.values()}) > 1:
            raise VisionError(f"{path} is damaged: its arrays {shapes} do not fit each other. Write the store again.")
        return arrays


def _whole(array: np.ndarray) -> np.ndarray:
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"an array of {array.dtype} and shape {list(array.shape)} where whole numbers belong")
    return array
