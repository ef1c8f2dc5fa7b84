"""What an extraction has to do: which pictures, in which blocks, and which blocks are there already.

Blocks depend on the list of pictures and the settings alone, so whoever makes them makes the same; a block is there when its
stamp is, which is written behind it and tells both.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kg.blocks.part import Block
from kg.blocks.stamps import digest, key
from kg.json_text import from_json
from kg.places import read_meta
from vision.blocks import BLOCKS, KIND, Summary, block_path, finish, read_summary, whole, write_json
from vision.errors import VisionError, as_vision_error

PLAN, STAMP = "plan.json", ".stamp"
Pictures = Sequence[tuple[str, str]]
"""Id and address of each."""


@dataclass(frozen=True)
class Settings:
    """What decides about the features.

    Attributes:
        regions: what looks at the boxes; see `vision.sources.region_source`.
        boxes: where the boxes come from; see `vision.sources.box_source`.
        weights: of the region source.
        box_weights: of a detector that finds the boxes.
        dtype: of features and classes on disk.
        block: pictures a block.
        threads: of torch in each process; the last bits of features depend on it.
    """

    regions: str
    boxes: str
    weights: str | None = "DEFAULT"
    box_weights: str | None = "DEFAULT"
    dtype: str = "float16"
    block: int = 256
    threads: int = 1

    @property
    def key(self) -> str:
        """A digest of the settings and of the files that they name."""
        return key(asdict(self), [name for name in (self.boxes, self.weights, self.box_weights) if _is_file(name)])


class Work:
    """What is to be done in a folder: which pictures are in which block, and which blocks are there."""

    def __init__(self, folder: Path, settings: Settings, pictures: Pictures) -> None:
        """Begin in the folder, or go on; blocks that were made with other settings or of other pictures are made again.

        Raises:
            VisionError: the folder holds something else, or a whole store of other settings or pictures.
        """
        self.place, self.settings, self.pictures = folder, settings, pictures
        names = hashlib.sha256("\n".join(name for name, _ in pictures).encode("utf-8", "surrogatepass")).hexdigest()
        plan = {"kind": KIND, **asdict(settings), "pictures": len(pictures), "names": names}
        path = folder / PLAN
        if path.exists():
            if self.whole:
                _compare(folder, _begun(path), plan)
                return
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise VisionError(f"{folder} is there already and holds no extraction that was begun. Give another path.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise VisionError(f"Cannot write {folder}: {error}. Give a folder that can be written.") from error
        write_json(path, plan)

    @property
    def whole(self) -> bool:
        """Everything is done."""
        with as_vision_error():
            return read_meta(self.place).get("kind") == KIND

    def blocks(self) -> Iterator[Block[Pictures]]:
        """All blocks, in their order."""
        settings_key = self.settings.key.encode()
        for number, start in enumerate(range(0, len(self.pictures), self.settings.block)):
            some = self.pictures[start : start + self.settings.block]
            about = json.dumps([(name, _size(address)) for name, address in some])
            yield Block(number, some, len(some), digest([settings_key, about.encode()]))

    def summary(self, block: Block[Any]) -> Summary | None:
        """What a block holds that is there; None if it is not, or was made with other settings or of other pictures."""
        return read_summary(self.place, block.number) if self._has(block.number, block.stamp) else None

    def ends(self, stamps: Sequence[str], meta: Mapping[str, Any]) -> bool:
        """Make a whole store, if all blocks are there and no other part has done so; tells whether it is whole."""
        if not self.whole and all(self._has(number, stamp) for number, stamp in enumerate(stamps)):
            self._finish(len(stamps), meta)
        return self.whole

    def _has(self, number: int, stamp: str) -> bool:
        try:
            return _stamp_path(self.place, number).read_text(encoding="utf-8") == stamp
        except (OSError, ValueError):
            return False

    def _finish(self, blocks: int, meta: Mapping[str, Any]) -> None:
        """What other settings have left behind the last block goes, and so do the stamps."""
        finish(self.place, blocks, meta)
        for path in (self.place / BLOCKS).iterdir():
            if path.suffix == STAMP or (path.stem.isdecimal() and int(path.stem) >= blocks):
                path.unlink(missing_ok=True)


@contextmanager
def stamped(folder: Path, block: Block[Any]) -> Iterator[None]:
    """Write the stamp of a block that is written inside; before, another stamp is removed."""
    path = _stamp_path(folder, block.number)
    path.unlink(missing_ok=True)
    yield
    with whole(path) as temporary:
        temporary.write_text(block.stamp, encoding="utf-8")


def _stamp_path(folder: Path, number: int) -> Path:
    return block_path(folder, number).with_suffix(STAMP)


def _compare(folder: Path, begun: dict[str, object], plan: dict[str, object]) -> None:
    different = [name for name in plan if plan[name] != begun.get(name, plan[name])]
    if different:
        told = ", ".join(f"{name} {begun[name]!r}, now {plan[name]!r}" for name in different)
        raise VisionError(f"{folder} was made with {told}. Give the same again, or another folder.")


def _begun(path: Path) -> dict[str, object]:
    try:
        found = from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise VisionError(f"{path} is damaged: {error}. Remove its folder and begin again.") from error
    return found if isinstance(found, dict) else {}


def _is_file(name: str | None) -> bool:
    return name is not None and os.path.isfile(name)


def _size(address: str) -> int:
    """Bytes of a picture; 0 inside an archive, and where there is none."""
    try:
        return os.stat(address).st_size
    except (OSError, ValueError):
        return 0
