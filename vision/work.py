"""What an extraction has to do: which pictures, in which blocks, and which blocks are there already.

Blocks depend on the list of pictures alone, so whoever makes them makes the same; a block is there when it is whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from kg.json_text import from_json
from kg.places import read_meta
from vision.blocks import KIND, Summary, block_path, read_summary, write_json
from vision.errors import VisionError, as_vision_error

PLAN = "plan.json"


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
    """

    regions: str
    boxes: str
    weights: str | None = "DEFAULT"
    box_weights: str | None = "DEFAULT"
    dtype: str = "float16"
    block: int = 256


class Work:
    """What is to be done in a folder: which pictures are in which block, and which blocks are there."""

    def __init__(self, folder: Path, settings: Settings, pictures: Sequence[tuple[str, str]]) -> None:
        """Begin in the folder, or go on.

        Raises:
            VisionError: the folder holds something else, or was begun with other settings or pictures.
        """
        self.folder, self.settings, self.pictures = folder, settings, pictures
        names = hashlib.sha256("\n".join(name for name, _ in pictures).encode("utf-8", "surrogatepass")).hexdigest()
        plan = {"kind": KIND, **asdict(settings), "pictures": len(pictures), "names": names}
        path = folder / PLAN
        if path.exists():
            self._compare(_begun(path), plan)
            return
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise VisionError(f"{folder} is there already and holds no extraction that was begun. Give another path.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise VisionError(f"Cannot write {folder}: {error}. Give a folder that can be written.") from error
        write_json(path, plan)

    @property
    def blocks(self) -> int:
        """How many blocks there are to be."""
        return -(-len(self.pictures) // self.settings.block)

    @property
    def whole(self) -> bool:
        """Everything is done."""
        with as_vision_error():
            return read_meta(self.folder).get("kind") == KIND

    def block(self, number: int) -> Sequence[tuple[str, str]]:
        """Id and address of the pictures of a block."""
        return self.pictures[number * self.settings.block : (number + 1) * self.settings.block]

    def missing(self) -> list[int]:
        """The blocks that are not there yet."""
        return [number for number in range(self.blocks) if not block_path(self.folder, number).exists()]

    def summary(self, number: int) -> Summary:
        """What a block holds that is there."""
        return read_summary(self.folder, number)

    def _compare(self, begun: dict[str, object], plan: dict[str, object]) -> None:
        different = [name for name in plan if plan[name] != begun.get(name)]
        if different:
            told = ", ".join(f"{name} {begun.get(name)!r}, now {plan[name]!r}" for name in different)
            raise VisionError(f"{self.folder} was begun with {told}. Give the same again, or another folder.")


def _begun(path: Path) -> dict[str, object]:
    try:
        found = from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise VisionError(f"{path} is damaged: {error}. Remove its folder and begin again.") from error
    return found if isinstance(found, dict) else {}
