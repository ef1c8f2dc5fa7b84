"""A folder of scenes."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from tqdm import tqdm

from kg.places import whole_folder, write_meta
from vision.errors import VisionError, as_vision_error
from vision.scenes.scene import CLASSES, Scene, scene
from vision.scenes.texts import caption, expression, questions, statement

KIND = "vision.scenes"
FILES = ("boxes", "captions", "statements", "questions", "expressions")


def write_scenes(out: str | Path, count: int = 1000, side: int = 64, seed: int = 0) -> dict[str, int]:
    """Draw scenes and write what there is to say about them; the same seed gives the same bytes.

    A scene depends on seed and number alone, so that more of them leave the first ones as they are. The folder gets
    ``images/*.png``, ``classes.txt``, and JSON lines whose ``image`` is the path inside the folder: ``boxes.jsonl``
    (boxes in pixels, labels), ``captions.jsonl`` (caption), ``statements.jsonl`` (text, label true or false),
    ``questions.jsonl`` (question, answer, kind) and ``expressions.jsonl`` (text, box: the number of the box meant).

    Args:
        out: the folder; written whole or not at all.
        count: pictures.
        side: of a picture in pixels, at least 32.
        seed: of all randomness.

    Returns: how many lines each file has.

    Raises:
        VisionError: count or side is too small, or the folder cannot be written.
    """
    if count < 1 or side < 32:
        raise VisionError(f"count={count}, side={side}: at least 1 picture and 32 pixels are needed.")
    lines = dict.fromkeys(FILES, 0)
    with as_vision_error(), whole_folder(out, KIND) as folder, ExitStack() as stack:
        (folder / "images").mkdir()
        (folder / "classes.txt").write_text("".join(f"{name}\n" for name in CLASSES), encoding="utf-8")
        opened = {name: stack.enter_context((folder / f"{name}.jsonl").open("w", encoding="utf-8")) for name in FILES}
        for number in tqdm(range(count), desc=str(out), unit=" scenes", disable=None):
            draw = Random(f"{seed} {number}")
            one, image = scene(draw, side), f"images/{number:06d}.png"
            one.picture().save(folder / image)
            for name, rows in _rows(one, draw).items():
                opened[name].writelines(json.dumps({"image": image, **row}) + "\n" for row in rows)
                lines[name] += len(rows)
        write_meta(folder, KIND, {"pictures": count, "side": side, "seed": seed, **lines})
    return lines


def _rows(one: Scene, draw: Random) -> dict[str, list[dict[str, Any]]]:
    text, true = statement(one, draw)
    meant, box = expression(one, draw)
    return {
        "boxes": [{"boxes": [shape.box for shape in one.shapes], "labels": [shape.name for shape in one.shapes]}],
        "captions": [{"caption": caption(one, draw)}],
        "statements": [{"text": text, "label": true}],
        "questions": [{"question": q.question, "answer": q.answer, "kind": q.kind} for q in questions(one, draw)],
        "expressions": [{"text": meant, "box": box}],
    }
