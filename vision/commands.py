"""What ``kplm vision`` does: ``extract``, ``import``, ``scenes``, ``info``. Plain functions, exposed by the command line."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from tqdm import tqdm

from kg.blocks.make import make
from kg.blocks.part import Part
from kg.blocks.threads import threads_restored
from vision.blocks import Summary
from vision.errors import VisionError, as_vision_error
from vision.extract import Extracting
from vision.found import Regions
from vision.listing import listed
from vision.sources import RANDOM
from vision.store import Precision, RegionStore
from vision.stored import open_stored
from vision.work import Settings, Work

log = logging.getLogger("vision")


def extract(
    images: str,
    out: str,
    *,
    regions: str = "caffe:resnet101",
    boxes: str = "detector:fasterrcnn_resnet50_fpn",
    weights: str = "DEFAULT",
    box_weights: str = "DEFAULT",
    dtype: Precision = "float16",
    block: int = 256,
    batch_size: int = 8,
    device: str = "auto",
    processes: int = 1,
    threads: int = 1,
    part: str = "auto",
    max_bad: int = 100,
) -> None:
    """Look at pictures once and keep the features of their regions in a store.

    The same command again goes on where an earlier one was stopped; blocks of other settings are made again. Several
    machines can share the work: each is given its --part and the same folder; the last one to finish writes the index.

    Args:
        images: a folder or zip archive of PNG and JPEG files, a .jsonl file whose lines name an image each, or one picture.
        out: the folder for the store.
        regions: what looks: caffe[:resnet101] as in VL-BERT's code, detector[:fasterrcnn_resnet50_fpn],
            patches[:vit_b_16], or small.
        boxes: where: a .jsonl file, detector[:fasterrcnn_resnet50_fpn], search (selective search), or grid:ROWSxCOLUMNS.
        weights: of the network that looks: a name of torchvision, a file, or random.
        box_weights: of the detector, the same.
        dtype: of the features on disk.
        block: pictures a file; this many are looked at again at most after a kill.
        batch_size: pictures of the same size that go through the network together.
        device: auto, cpu, cuda, ...; several processes take the devices in turn.
        processes: on this machine.
        threads: of each process; the last bits of features depend on their number, so it is no matter of the machine.
        part: K/N for the K-th of N runs, counted from 1; auto is that of torchrun (RANK and WORLD_SIZE), else 1/1; join/N
            looks at nothing, and writes the index or says which blocks are missing.
        max_bad: so many pictures that cannot be read are passed over, one more is an error.
    """
    for name, value in (("block", block), ("batch_size", batch_size), ("processes", processes), ("threads", threads)):
        if value < 1:
            raise VisionError(f"{name}={value} must be at least 1.")
    with as_vision_error():
        share = Part.of(part)
    settings = Settings(regions, boxes, weights, box_weights, dtype, block, threads)
    work = Work(Path(out).expanduser(), settings, listed(images))
    if not work.whole:
        opening = Extracting(work.place, settings, _device(device), batch_size)
        with as_vision_error():
            stamps = _make(opening, work, share, processes, max_bad)
        told = {"source": regions, "boxes_from": boxes, "weights": weights, "box_weights": box_weights}
        if not work.ends(stamps, {**told, "random": RANDOM in (weights, box_weights)}):
            print(json.dumps({"out": out, **share.told(len(stamps))}))
            return
    print(json.dumps({"out": out, **RegionStore.open(out).meta}))


def import_features(
    source: str, out: str, *, width: int | None = None, dtype: Precision = "float16", block: int = 256
) -> None:
    """Turn features that others computed into a store.

    Args:
        source: a .tsv file of bottom-up attention, or a folder or zip archive with a .json, .npz or .npy file a picture.
        out: the folder for the store; written whole or not at all.
        width: numbers a region that are expected; left out, those of the first picture.
        dtype: of the features on disk.
        block: pictures a file.
    """
    own = 0

    def shown() -> Iterator[tuple[str, Regions]]:
        nonlocal own
        for name, regions in tqdm(open_stored(source, width), desc=str(source), unit=" pictures", disable=None):
            own += regions.whole is not None
            yield name, regions

    store = RegionStore.write(out, shown(), {"source": str(source)}, dtype, block)
    print(json.dumps({"out": out, **store.meta, "own_feature_of_whole_picture": own}))


def scenes(out: str, *, count: int = 1000, side: int = 64, seed: int = 0) -> None:
    """Draw scenes of coloured shapes, with boxes, captions, true and false statements, and questions with answers.

    Args:
        out: the folder; written whole or not at all.
        count: pictures.
        side: of a picture in pixels.
        seed: of all randomness; the same gives the same bytes.
    """
    from vision.scenes import write_scenes

    print(json.dumps({"out": out, **write_scenes(out, count, side, seed)}))


def info(store: str) -> None:
    """Print what a store holds, as JSON.

    Args:
        store: the folder, or package:NAME/folder.
    """
    opened = RegionStore.open(store)
    counts = opened.counts
    told = {}
    if len(opened):
        told = {"mean": round(float(counts.mean()), 2), "min": int(counts.min()), "max": int(counts.max())}
    bytes_on_disk = sum(path.stat().st_size for path in opened.path.rglob("*") if path.is_file())
    content = {**opened.meta, "regions_of_a_picture": told, "bytes": bytes_on_disk}
    print(json.dumps({**content, "first_ids": list(islice(opened.ids(), 3))}, indent=1))


def _make(opening: Extracting, work: Work, part: Part, processes: int, max_bad: int) -> list[str]:
    """Make the blocks of a part that are not there yet; returns the stamps of all."""
    bad: list[tuple[str, str]] = []

    def report(summary: Summary) -> None:
        for _, fault in summary.bad:
            log.warning("passed over: %s", fault)
        bad.extend(summary.bad)
        if len(bad) > max_bad:
            fix = "Correct them or raise max_bad; what was finished is kept."
            raise VisionError(f"{len(bad)} pictures are bad, max_bad={max_bad} tolerated. The first: {bad[0][1]} {fix}")

    bar = tqdm(total=len(work.pictures), desc=str(work.place), unit=" pictures")
    with threads_restored():
        return make(opening, work.blocks(), work, part, processes, report, bar)


def _device(name: str) -> str:
    """The device that is meant; under torchrun every rank of a machine has its own."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    rank = os.environ.get("LOCAL_RANK")
    return f"cuda:{rank}" if name == "cuda" and rank else name
