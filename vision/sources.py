"""Region sources and box sources by name, for the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vision.errors import VisionError
from vision.proposals import BoxFile, BoxSource, Detected, Grid, SelectiveSearch
from vision.regions import Caffe, Detector, Patches, RegionSource, Small

REGIONS = "caffe[:resnet101], detector[:fasterrcnn_resnet50_fpn], patches[:vit_b_16], small"
BOXES = "FILE.jsonl, detector[:fasterrcnn_resnet50_fpn], search, grid:ROWSxCOLUMNS"
RANDOM = "random"


def region_source(text: str, weights: str | None = "DEFAULT") -> RegionSource:
    """What ``text`` names: a kind, perhaps with a colon and a network of torchvision.

    Args:
        text: caffe, detector, patches or small; ``caffe:resnet50`` names the network.
        weights: a name of torchvision, a file, or random.

    Raises:
        VisionError: there is no such kind or network, or its weights cannot be had.
    """
    kind, _, name = text.partition(":")
    chosen = None if weights == RANDOM else weights
    if kind == "small":
        if name or chosen == "DEFAULT":
            fix = "Write small, and give its weights as a file, or random."
            raise VisionError(f"The small network has no variants and no published weights. {fix}")
        return Small(weights=chosen)
    kinds: dict[str, Callable[..., RegionSource]] = {"caffe": Caffe, "detector": Detector, "patches": Patches}
    if kind not in kinds:
        raise VisionError(f"There is no region source '{text}'. Possible: {REGIONS}.")
    return kinds[kind](name, chosen) if name else kinds[kind](weights=chosen)


def box_source(text: str, weights: str | None = "DEFAULT") -> BoxSource:
    """What ``text`` names.

    Args:
        text: a file of JSON lines, with ``classes.txt`` beside it if labels are to become classes; detector, with a
            colon and a network of torchvision; search; or grid:3x4 for three rows of four tiles.
        weights: of the detector: a name of torchvision, a file, or random.

    Raises:
        VisionError: there is no such source, or what it needs is missing.
    """
    kind, _, rest = text.partition(":")
    if kind == "detector":
        chosen = None if weights == RANDOM else weights
        return Detected(rest, chosen) if rest else Detected(weights=chosen)
    if kind == "grid":
        rows, _, columns = rest.partition("x")
        if not (rows.isdecimal() and columns.isdecimal()):
            raise VisionError(f"'{text}' is no grid. Write grid:ROWSxCOLUMNS, such as grid:3x4.")
        return Grid(int(rows), int(columns))
    if text == "search":
        return SelectiveSearch()
    if text.endswith((".jsonl", ".jsonl.gz")):
        return BoxFile(text, class_names(Path(text).with_name("classes.txt")))
    raise VisionError(f"There is no box source '{text}'. Possible: {BOXES}.")


def class_names(path: Path) -> list[str]:
    """The lines of a file of class names; none where there is no file."""
    return path.read_text(encoding="utf-8").split("\n")[:-1] if path.is_file() else []
