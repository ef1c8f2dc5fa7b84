"""The loop over all blocks: what is finished is kept, what is missing is made."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tqdm import tqdm

from kg.blocks.part import Block, Part
from kg.blocks.pool import Opening, run
from kg.errors import KgError

T = TypeVar("T")
S = TypeVar("S")
SHOWN = 10
"""Missing blocks that are named."""


class Keeping(Protocol):
    """Where finished blocks are."""

    @property
    def place(self) -> Path:
        """For people."""

    def summary(self, block: Block[Any], /) -> Any:
        """What a finished block tells; None if it is not finished, or was made of other input."""


def make(
    opening: Opening[T, S],
    blocks: Iterable[Block[T]],
    keeping: Keeping,
    part: Part,
    processes: int,
    report: Callable[[S], None],
    bar: tqdm,
) -> list[str]:
    """Make the blocks of a part that are not finished.

    Args:
        opening: opens what blocks need, see `kg.blocks.pool.run`; the function it returns writes the block.
        blocks: all of them, in their order; they stream through.
        keeping: where finished blocks are.
        part: of a run that makes none but joins, all blocks must be finished.
        processes: how many at a time.
        report: takes what each block of the part tells.
        bar: of tqdm, grows by the size of each block.

    Returns: the stamps of all blocks, in their order.

    Raises:
        KgError: there are blocks missing to join, or a process died.
    """
    stamps: list[str] = []
    absent: list[int] = []

    def missing() -> Iterator[Block[T]]:
        for block in blocks:
            stamps.append(block.stamp)
            found = keeping.summary(block) if part.has(block.number) or part.joins else None
            if part.has(block.number) and found is None:
                yield block
                continue
            if part.joins and found is None:
                absent.append(block.number)
            if found is not None:
                report(found)
            bar.update(block.size)

    try:
        with bar:
            for done in run(opening, missing(), processes):
                report(done.summary)
                bar.update(done.size)
    except KeyboardInterrupt:
        print(f"\nStopped. Finished blocks are kept in {keeping.place}; the same command goes on.", file=sys.stderr)
        raise
    if absent:
        raise KgError(_absent(absent, len(stamps), part, keeping.place))
    return stamps


def bytes_bar(files: Sequence[Path], name: str) -> tqdm:
    """A progress bar over the bytes of files; without an end where some of them are packed."""
    packed = any(file.suffix == ".gz" for file in files)
    total = None if packed else sum(file.stat().st_size for file in files)
    return tqdm(total=total, desc=name, unit="B", unit_scale=True)


def _absent(numbers: list[int], count: int, part: Part, place: Path) -> str:
    owners = sorted({number % part.parts: part.owner(number) for number in numbers}.items())
    runs = ", ".join(owner for _, owner in owners[:SHOWN]) + (", ..." if len(owners) > SHOWN else "")
    shown = ", ".join(map(str, numbers[:SHOWN])) + (", ..." if len(numbers) > SHOWN else "")
    return (
        f"{len(numbers):,} of {count:,} blocks are not finished in {place}, so nothing is joined: {shown}. Run --part {runs} "
        f"with the same settings and input, then join again."
    )
