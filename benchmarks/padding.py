"""The share of positions that is padding in the training batches of a config.

    python -m benchmarks.padding CONFIG... [--packing rows 256 512] [--batches 200] --data.train=FILE [OPTION...]

Several configs are laid over each other, and options follow, as for ``kplm fit``. The batches of the first epoch are looked at, drawn by
length as training draws them: as they are, and with their examples sharing rows (``data.packing``). Target: under 5 % as the config ships.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from itertools import islice

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from torch import Tensor

from benchmarks.report import Row, parser, tell
from benchmarks.rows import packed
from kplm.command_line import lightning
from kplm.data.packing import Packing, PackRows, positions_of
from kplm.fields import PACKED

MOST = 5.0
"""Per cent of the positions."""


def computed(batch: dict[str, Tensor], packing: Packing) -> int:
    """The positions that the layers compute for a batch."""
    alone = {name: value for name, value in batch.items() if name != PACKED}
    found = alone if packing == "none" else PackRows(packing)(alone)
    return found[PACKED].numel() if PACKED in found else positions_of(alone)[1]


def shares(batches: Iterable[dict[str, Tensor]], packings: Sequence[Packing]) -> dict[Packing, float]:
    """Per cent of padding with each setting of ``data.packing``."""
    filled, asked = 0, dict.fromkeys(packings, 0)
    for batch in batches:
        filled += int(positions_of(batch)[0].sum())
        for packing in packings:
            asked[packing] += computed(batch, packing)
    return {packing: 100 * (1 - filled / max(count, 1)) for packing, count in asked.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and tell."""
    options, given = _options().parse_known_args(arguments)
    configs = [word for path in options.configs for word in ("-c", path)]
    data = lightning([*configs, *given], run=False).datamodule
    shipped: Packing = next((step.packing for step in data.packing if isinstance(step, PackRows)), "none")
    packings = list(dict.fromkeys(["none", shipped, *options.packing]))
    data.setup("fit")
    found = shares(islice(data.train_dataloader(), options.batches), packings)
    rows = [
        Row(
            _told(packing) + " (as shipped)" * (packing == shipped),
            share,
            "%",
            at_most=MOST * (packing == shipped) or None,
        )
        for packing, share in found.items()
    ]
    tell("padding", rows, options, options=given)


def _told(packing: Packing) -> str:
    return {"none": "padding by length", "rows": "padding in rows"}.get(str(packing), f"padding in rows of {packing}")


def _options() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("configs", nargs="+", metavar="CONFIG")
    found.add_argument("--packing", type=packed, nargs="+", default=["rows", 256, 512])
    found.add_argument("--batches", type=int, default=200, help="how many are looked at")
    return found


if __name__ == "__main__":
    main()
