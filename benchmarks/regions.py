"""How fast stored regions reach the model: ``python -m benchmarks.regions --pictures 8000``.

Makes a store of made-up features (36 regions and the whole picture, 2048 numbers each), opens it, and fetches batches of
pictures in random order as float32 arrays: once after the files have been dropped from the page cache, where the system
allows that, and once more from memory. Beside it, the same from one ``.npz`` file a picture, and from the TSV's base64.
The default needs 1.2 GB on disk for float16. Target: 2,000 pictures a second from the store.
"""

from __future__ import annotations

import argparse
import base64
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.report import Row, parser, tell
from vision import Regions, RegionStore
from vision.stored import read_stored
from vision.stored.encoded import regions_of

REGIONS, WIDTH, BATCH, BESIDE = 36, 2048, 64, 500
LEAST = 2000
"""Pictures a second."""


def pictures(count: int) -> Iterator[tuple[str, Regions]]:
    """Made-up regions; the same numbers turned around from picture to picture."""
    draw = np.random.default_rng(0)
    features = np.abs(draw.normal(size=(REGIONS, WIDTH))).astype(np.float32)
    boxes = np.sort(draw.random((REGIONS, 2, 2)), axis=1).reshape(-1, 4).astype(np.float32)
    for number in range(count):
        yield f"{number:08d}", Regions(boxes, np.roll(features, number, axis=1), None, (640, 480))


def drop(folder: Path) -> None:
    """Ask the system to forget what it holds of the files."""
    for path in folder.rglob("*.safetensors"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def rate(fetch: Callable[[list[str]], object], names: list[str]) -> int:
    """Pictures a second, batch by batch."""
    start = time.perf_counter()
    for first in range(0, len(names), BATCH):
        fetch(names[first : first + BATCH])
    return round(len(names) / (time.perf_counter() - start))


def stored(folder: Path, count: int, dtype: str) -> dict[str, int]:
    """What the store does."""
    begin = time.perf_counter()
    RegionStore.write(folder, pictures(count), dtype=dtype)  # type: ignore[arg-type]
    written = round(count / (time.perf_counter() - begin))
    drop(folder)
    begin = time.perf_counter()
    store = RegionStore.open(folder, WIDTH)
    opened = round(1000 * (time.perf_counter() - begin))
    names = [f"{number:08d}" for number in np.random.default_rng(1).permutation(count)]
    first = rate(store.batch, names)
    return {"written": written, "open_ms": opened, "first_pass": first, "second_pass": rate(store.batch, names)}


def beside(folder: Path, count: int) -> dict[str, int]:
    """The same from a file a picture, and decoding base64 that lies in memory."""
    records = {}
    for name, one in pictures(count):
        pixels = one.boxes * np.array([640, 480, 640, 480], np.float32)
        np.savez(folder / f"{name}.npz", boxes=pixels, features=one.features, image_w=640, image_h=480)
        arrays = {
            key: base64.b64encode(array).decode() for key, array in (("boxes", pixels), ("features", one.features))
        }
        records[name] = {"image_w": 640, "image_h": 480, "num_boxes": REGIONS, **arrays}
    names = list(records)
    return {
        "npz_files": rate(lambda some: [read_stored(folder / f"{name}.npz") for name in some], names),
        "base64": rate(lambda some: [regions_of(records[name], name) for name in some], names),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    options = _options().parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        found = {dtype: stored(Path(place, dtype), options.pictures, dtype) for dtype in ("float16", "float32")}
        others = beside(Path(place), min(options.pictures, BESIDE))
    rows = []
    for dtype, one in found.items():
        rows += [
            Row(f"{dtype}, first pass", one["first_pass"], "pictures/s", at_least=LEAST),
            Row(f"{dtype}, second pass", one["second_pass"], "pictures/s", at_least=LEAST),
            Row(f"{dtype}, writing", one["written"], "pictures/s"),
            Row(f"{dtype}, opening", one["open_ms"], "ms"),
        ]
    rows += [Row(name.replace("_", " "), rate, "pictures/s") for name, rate in others.items()]
    tell("regions", rows, options, regions=REGIONS + 1, width=WIDTH, batch=BATCH, **found, beside=others)


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("--pictures", type=int, default=8000)
    return found


if __name__ == "__main__":
    main()
