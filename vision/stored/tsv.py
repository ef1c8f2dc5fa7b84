"""The table of bottom-up attention: a picture a line, ten thousands of characters wide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vision.errors import VisionError
from vision.found import Regions
from vision.stored.encoded import regions_of

COLUMNS = {
    6: ("image_id", "image_w", "image_h", "num_boxes", "boxes", "features"),
    10: (
        "image_id",
        "image_h",
        "image_w",
        "objects_id",
        "objects_conf",
        "attrs_id",
        "attrs_conf",
        "num_boxes",
        "boxes",
        "features",
    ),
}
"""By how many there are: Anderson et al. (2018), and Tan and Bansal (2019), who swap height and width."""


def read_tsv(path: Path) -> Iterator[tuple[str, Regions]]:
    """The id and the regions of every picture; a header is passed over.

    Raises:
        VisionError: the file cannot be read, or a line is wrong.
    """
    try:
        with path.open(encoding="ascii") as file:
            for number, line in enumerate(file, 1):
                values = line.rstrip("\r\n").split("\t")
                if values == [""] or (number == 1 and values[-1] == "features"):
                    continue
                if len(values) not in COLUMNS:
                    wanted = " or ".join(f"{count} ({', '.join(names)})" for count, names in COLUMNS.items())
                    raise VisionError(f"{path}:{number}: {len(values)} columns; expected {wanted}.")
                record = dict(zip(COLUMNS[len(values)], values))
                yield record["image_id"], regions_of(record, f"{path}:{number}")
    except (OSError, UnicodeDecodeError) as error:
        raise VisionError(f"Cannot read {path}: {error}.") from error
