"""What ``kplm vision`` does: ``extract``, ``import``, ``scenes``, ``info``. Plain functions, exposed by the command line."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from vision.blocks import Summary, finish
from vision.errors import VisionError
from vision.found import Regions
from vision.listing import listed
from vision.pool import run
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
    part: str = "auto",
    max_bad: int = 100,
) -> None:
    """Look at pictures once and keep the features of their regions in a store.

    The same command again goes on where an earlier one was stopped. Several machines can share the work: each is given
    its --part and the same folder; the last one to finish writes the index.

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
        part: K/N for the K-th of N runs, counted from 1; auto is that of torchrun (RANK and WORLD_SIZE), else 1/1.
        max_bad: so many pictures that cannot be read are passed over, one more is an error.
    """
    for name, value in (("block", block), ("batch_size", batch_size), ("processes", processes)):
        if value < 1:
            raise VisionError(f"{name}={value} must be at least 1.")
    settings = Settings(regions, boxes, weights, box_weights, dtype, block)
    told = {"source": regions, "boxes_from": boxes, "weights": weights, "box_weights": box_weights}
    work = Work(Path(out).expanduser(), settings, listed(images))
    if not work.whole:
        turn, parts = _part(part)
        mine = [number for number in range(work.blocks) if number % parts == turn]
        _make(work, mine, processes, _device(device), batch_size, max_bad)
        if missing := work.missing():
            own = {"out": out, "part": f"{turn + 1}/{parts}"}
            print(json.dumps({**own, "blocks_of_other_parts_missing": len(missing)}))
            return
        finish(work.folder, work.blocks, {**told, "random": RANDOM in (weights, box_weights)})
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


def _make(work: Work, mine: list[int], processes: int, device: str, batch_size: int, max_bad: int) -> None:
    """Make the blocks of this part that are not there yet."""
    missing = set(work.missing())
    bad: list[tuple[str, str]] = []
    with tqdm(total=sum(len(work.block(number)) for number in mine), desc=str(work.folder), unit=" pictures") as bar:
        for number in mine:
            if number not in missing:
                _report(work.summary(number), bad, bar, max_bad)
        todo = [number for number in mine if number in missing]
        if todo:
            for summary in run(work, todo, processes, device, batch_size):
                _report(summary, bad, bar, max_bad)


def _report(summary: Summary, bad: list[tuple[str, str]], bar: Any, max_bad: int) -> None:
    for _, fault in summary.bad:
        log.warning("passed over: %s", fault)
    bad += summary.bad
    bar.update(len(summary.pictures) + len(summary.bad))
    if len(bad) > max_bad:
        fix = "Correct them or raise max_bad; what was finished is kept."
        raise VisionError(f"{len(bad)} pictures are bad, max_bad={max_bad} tolerated. The first: {bad[0][1]} {fix}")


def _part(text: str) -> tuple[int, int]:
    """Which part, from 0, and how many there are."""
    if text == "auto":
        return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    turn, _, parts = text.partition("/")
    if not (turn.isdecimal() and parts.isdecimal() and 1 <= int(turn) <= int(parts)):
        raise VisionError(f"part '{text}' is none. Write K/N, from 1/N to N/N.")
    return int(turn) - 1, int(parts)


def _device(name: str) -> str:
    """The device that is meant; under torchrun every rank of a machine has its own."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    rank = os.environ.get("LOCAL_RANK")
    return f"cuda:{rank}" if name == "cuda" and rank else name
