"""RefCOCO+: expressions that mean one object of a photograph (Yu et al., 2016; Kazemzadeh et al., 2014)."""

from __future__ import annotations

import io
import pickle
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kplm.data.example import Box, Example, Picture
from kplm.data.sources.base import Source, as_object, json_file
from kplm.data.sources.row import Row
from kplm.errors import DataError

REFS, INSTANCES = "refs(unc).p", "instances.json"
_FORM = f"A folder of RefCOCO+ holds {REFS} and {INSTANCES}."


class RefCoco(Source):
    """One example an expression; the boxes are those that people drew. The 'file' is folder/split, such as refcoco+/testA.

    Args:
        image: a picture's path, or its id in a store, by ``{image_id}``.
        gold_boxes: choose among the objects that people marked; otherwise the region source finds the boxes.
    """

    def __init__(self, image: str = "COCO_train2014_{image_id:012d}.jpg", gold_boxes: bool = True) -> None:
        self.image, self.gold_boxes = image, gold_boxes

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example an expression."""
        folder, split = Path(path).parent, Path(path).name
        refs = _refs(folder / REFS)
        splits = sorted({ref.get("split", str) for ref in refs})
        if split not in splits:
            raise DataError(f"{folder} has no split '{split}'; possible are {', '.join(splits)}. Write {folder}/SPLIT.")
        boxes, objects = _boxes(json_file(folder / INSTANCES), folder / INSTANCES)
        for ref in refs:
            if ref.get("split", str) == split:
                yield from self._examples(ref, boxes, objects, str(folder))

    def _examples(
        self, ref: Row, boxes: dict[int, Box], objects: dict[int, list[int]], folder: str
    ) -> Iterator[Example]:
        meant, image = ref.get("ann_id", int), ref.get("image_id", int)
        if meant not in boxes:
            raise DataError(f"{ref.where} means object {meant}, which {INSTANCES} does not have.")
        own = tuple(boxes[one] for one in objects[image]) if self.gold_boxes else None
        picture = Picture(self.image.format(image_id=image), own, (boxes[meant],), folder=folder)
        for given in ref.get("sentences", list):
            one = Row(as_object(given, ref.where, _FORM), ref.where, _FORM)
            yield Example(one.get("sent", str), picture=picture, id=one.name("sent_id"), where=ref.where)


class _Plain(pickle.Unpickler):
    """Reads numbers, strings, lists and dicts; a file that names anything else is refused, so that none can run code."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def _refs(path: Path) -> list[Row]:
    try:
        found = _Plain(io.BytesIO(path.read_bytes()), encoding="utf-8").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(f"{path} cannot be read: {error}. {_FORM}") from error
    if not isinstance(found, list) or not all(isinstance(ref, dict) and set(map(type, ref)) <= {str} for ref in found):
        raise DataError(f"{path} holds no list of references. {_FORM}")
    return [Row(ref, f"{REFS}:ref {ref.get('ref_id', number)}", _FORM) for number, ref in enumerate(found)]


def _boxes(content: Any, path: Path) -> tuple[dict[int, Box], dict[int, list[int]]]:
    """The box of each object, and the objects of each picture."""
    boxes: dict[int, Box] = {}
    objects: dict[int, list[int]] = defaultdict(list)
    try:
        for one in content["annotations"]:
            x, y, width, height = one["bbox"]
            boxes[one["id"]] = x, y, x + max(width - 1, 0), y + max(height - 1, 0)
            objects[one["image_id"]].append(one["id"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} holds no COCO annotations ({error!r}). {_FORM}") from error
    return boxes, objects
