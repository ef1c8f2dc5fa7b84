"""A sentence tree in a terminal: words over their soft positions, branches under their mention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kplm.inspect.shape import Shape, Word, columns

GAP = "  "
DIM, MENTION, BRANCH, RESET = "\x1b[2m", "\x1b[1;36m", "\x1b[32m", "\x1b[0m"


def lines(shape: Shape, width: int, colours: bool = False) -> Iterator[str]:
    """The tree and what there is to say about it.

    Args:
        shape: the tree.
        width: columns of the terminal; longer lines go on in the next.
        colours: mark mentions and branches by colours.
    """
    for words in _rows(shape, width):
        at = sum(_width(word) + len(GAP) for word in words[:-1])
        yield from _written(words, "", "", colours)
        yield from _under(shape.hanging(words[-1]), at, width, colours)
    yield ""
    yield shape.summary
    yield from shape.notes


def _rows(shape: Shape, width: int) -> Iterator[list[Word]]:
    """The trunk in lines: each ends where it is full, or at a word with branches."""
    row: list[Word] = []
    for word in shape.trunk:
        row.append(word)
        if shape.hanging(word):
            *full, row = _wrapped(row, width)
            yield from full
            yield row
            row = []
    yield from _wrapped(row, width)


def _wrapped(words: Iterable[Word], room: int) -> list[list[Word]]:
    rows: list[list[Word]] = []
    free = 0
    for word in words:
        if not rows or _width(word) > free:
            rows.append([])
            free = room
        rows[-1].append(word)
        free -= _width(word) + len(GAP)
    return rows


def _under(branches: list[list[Word]], at: int, width: int, colours: bool) -> Iterator[str]:
    """Branches, as far to the right as their mention stands and the width lets them."""
    widest = max((sum(_width(word) + len(GAP) for word in branch) for branch in branches), default=0)
    indent = " " * max(0, min(at, width - widest))
    for number, branch in enumerate(branches, 1):
        fork, trail = ("└ ", "  ") if number == len(branches) else ("├ ", "│ ")
        for words in _wrapped(branch, max(20, width - len(indent) - len(fork))):
            yield from _written(words, indent + fork, indent + trail, colours)
            fork = trail


def _written(words: list[Word], above: str, below: str, colours: bool) -> Iterator[str]:
    """Words in a line, positions in the next."""
    last = len(words) - 1
    cells = [(word.text, word.positions, 0 if i == last else _width(word)) for i, word in enumerate(words)]
    names = (_coloured(_filled(text, size), _colour(word), colours) for word, (text, _, size) in zip(words, cells))
    numbers = GAP.join(_filled(positions, size) for _, positions, size in cells)
    yield above + GAP.join(names)
    yield below + _coloured(numbers, DIM, colours)


def _width(word: Word) -> int:
    return max(columns(word.text), len(word.positions))


def _filled(text: str, size: int) -> str:
    return text + " " * (size - columns(text))


def _colour(word: Word) -> str:
    if word.branch:
        return BRANCH
    return MENTION if word.mention else ""


def _coloured(text: str, colour: str, colours: bool) -> str:
    return f"{colour}{text}{RESET}" if colours and colour else text
