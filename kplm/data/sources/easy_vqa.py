"""easy-VQA: questions about one shape in a small picture, a data set that comes as a package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from kplm.data.example import Example, Picture
from kplm.data.sources.base import Source
from kplm.data.sources.jsonl import ASKED
from kplm.errors import DataError

SPLITS = ("train", "val", "test")


class EasyVqa(Source):
    """The package ``easy-vqa`` (Zhou, 2019). The 'files' are called train, val and test.

    Args:
        held_out: the last so many training pictures are 'val', and 'train' leaves them out; the package has no such split.
    """

    def __init__(self, held_out: int = 200) -> None:
        self.held_out = held_out

    def read(self, path: str | Path) -> Iterator[Example]:
        """Yield one example a question.

        Raises:
            DataError: the package is not installed, or has no such split.
        """
        split = Path(path).name
        if split not in SPLITS:
            raise DataError(f"easy-VQA has no split '{path}'; possible are {', '.join(SPLITS)}.")
        package, part = _package(), "test" if split == "test" else "train"
        questions, answers, pictures = getattr(package, f"get_{part}_questions")()
        folder = Path(str(package.__file__)).parent / "data" / part / "images"
        first = max(pictures, default=0) + 1 - self.held_out
        for row, (question, answer, picture) in enumerate(zip(questions, answers, pictures)):
            if part == "test" or (picture >= first) == (split == "val"):
                where = f"easy-vqa:{part}:row {row}"
                shown = Picture(f"{picture}.png", folder=str(folder))
                yield Example(question, ASKED, label=answer, picture=shown, id=f"{part}-{row}", where=where)


def _package() -> ModuleType:
    try:
        import easy_vqa

        return easy_vqa
    except ModuleNotFoundError as error:
        raise DataError("easy-VQA comes as a package that is not installed here: pip install easy-vqa") from error
