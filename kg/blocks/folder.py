"""Finished blocks on disk, beside the file or folder that they will become; a restart finds them."""

from __future__ import annotations

import errno
import glob
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar
from uuid import uuid4

from kg.blocks.part import Block
from kg.blocks.summary import Complaint, Summary
from kg.errors import KgError
from kg.places import FULL, whole_file


@dataclass(frozen=True)
class BlockFolder:
    """The folder ``.OUT.blocks/KEY`` with a file for each finished block.

    Another key means other settings, and a block of other input has another name, so that nothing of them is mixed; they
    stay until all blocks are joined.
    """

    out: Path
    """What the blocks will become."""
    key: str
    """See `kg.blocks.stamps.key`."""
    ending: ClassVar[str] = ""

    @property
    def root(self) -> Path:
        """The folder of all keys."""
        return self.out.parent / f".{self.out.name}.blocks"

    @property
    def place(self) -> Path:
        """The folder of the blocks."""
        return self.root / self.key

    def path(self, number: int, stamp: str) -> Path:
        """Where a block lies, or will lie."""
        return self.place / f"{number:06}-{stamp}{self.ending}"

    def sweep(self) -> None:
        """Remove what a run that was killed while it joined blocks has left beside ``out``."""
        for path in self.out.parent.glob(f".{glob.escape(self.out.name)}.????????.tmp"):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all blocks, also those of other settings and input."""
        shutil.rmtree(self.root, ignore_errors=True)


class TextBlocks(BlockFolder):
    """Blocks of lines; in front of each stands a line in JSON with what there is to tell."""

    ending = ".jsonl"

    @classmethod
    def of(cls, out: str | Path, key: str) -> TextBlocks:
        """Those of a file.

        Raises:
            KgError: it is a folder.
        """
        target = Path(out).expanduser().absolute()
        if target.is_dir():
            raise KgError(f"{target} is a folder. Give a file to write.")
        return cls(target, key)

    def write(self, block: Block[Any], text: str, summary: Summary) -> None:
        """Write one block.

        Raises:
            KgError: it cannot be written.
        """
        with writing(self.path(block.number, block.stamp)) as file:
            file.write(json.dumps(summary).encode() + b"\n")
            file.write(text.encode())

    def summary(self, block: Block[Any]) -> Summary | None:
        """What a finished block tells; None if it is not finished, or damaged."""
        try:
            with self.path(block.number, block.stamp).open("rb") as file:
                counts, complaints = json.loads(file.readline())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return Summary(Counter(counts), [Complaint(*one) for one in complaints])

    def join(self, stamps: Sequence[str]) -> None:
        """Write all blocks one after another to ``out``, and remove them.

        Raises:
            KgError: it cannot be written; the blocks stay.
        """
        self.sweep()
        with whole_file(self.out) as target:
            for number, stamp in enumerate(stamps):
                with self.path(number, stamp).open("rb") as file:
                    file.readline()
                    shutil.copyfileobj(file, target.buffer)
        self.remove()


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears at ``path`` only when all of it is on the disk.

    Raises:
        KgError: it cannot be written; the disk may be full.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")  # several machines may write it
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        full = error.errno in FULL or (error.errno is None and os.strerror(errno.ENOSPC) in str(error))
        fix = "Make room" if full else "Check the folder"
        raise KgError(
            f"Cannot write {path}: {error}. {fix}, then give the same command again: finished blocks are kept."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
