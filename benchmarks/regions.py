"""How fast stored regions reach the model: ``python benchmarks/regions.py --pictures 8000``. Prints JSON.

Makes a store of made-up features (36 regions and the whole picture, 2048 numbers each), opens it, and fetches batches of
pictures in random order as float32 arrays: once after the files have been dropped from the page cache, where the system
allows that, and once more from memory. Beside it, the same from one ``.npz`` file a picture, and from the TSV's base64.
The default needs 1.2 GB on disk for float16.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from vision import Regions, RegionStore
from vision.stored import read_stored
from vision.stored.encoded import regions_of

REGIONS, WIDTH, BATCH, BESIDE = 36, 2048, 64, 500


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=8000)
    count = parser.parse_args().pictures
    with tempfile.TemporaryDirectory() as place:
        found = {dtype: stored(Path(place, dtype), count, dtype) for dtype in ("float16", "float32")}
        result = {"pictures": count, "regions": REGIONS + 1, "width": WIDTH, "batch": BATCH, **found}
        print(json.dumps({**result, "beside": beside(Path(place), min(count, BESIDE))}))


if __name__ == "__main__":
    main()
