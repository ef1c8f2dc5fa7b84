"""Which pictures are meant: a folder, a zip archive, a list, or one file."""

from __future__ import annotations

from pathlib import Path

from kg.json_text import from_json
from kg.lines import numbered_lines
from kg.places import locate
from vision.addresses import files
from vision.errors import VisionError, as_vision_error
from vision.pictures import ENDINGS


def listed(images: str | Path) -> list[tuple[str, str]]:
    """Id and address of every picture.

    Args:
        images: a folder or zip archive, of which all PNG and JPEG files are taken and their paths inside are the ids; a
            .jsonl file, whose lines name an ``image`` each, relative to the file; or one picture.

    Raises:
        VisionError: there is nothing, or no picture in it.
    """
    with as_vision_error():
        place = locate(images)
        if place.suffix == ".jsonl":
            pairs = _from_list(place)
        elif place.is_file() and place.suffix.lower() in ENDINGS:
            pairs = [(place.name, str(place))]
        else:
            pairs = list(files(place, ENDINGS))
    if not pairs:
        raise VisionError(f"{place} holds no pictures: nothing ends in {', '.join(ENDINGS)}.")
    return pairs


def _from_list(path: Path) -> list[tuple[str, str]]:
    """A picture that several lines name comes once."""
    names: dict[str, None] = {}
    for number, line in numbered_lines(path):
        try:
            name = from_json(line)["image"]
            if not isinstance(name, str):
                raise TypeError(f"image is {name!r}")
            names[name] = None
        except (ValueError, KeyError, TypeError) as error:
            raise VisionError(f'{path}:{number}: got {line[:80]!r}, expected {{"image": "a.png", ...}}.') from error
    return [(name, str(path.parent / name)) for name in names]
