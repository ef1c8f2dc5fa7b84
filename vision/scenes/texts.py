"""What is said and asked about a scene. Every text is exact: it is made from the shapes, never from the picture."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

from vision.scenes.scene import CLASSES, COLOURS, KINDS, Scene, Shape

CLEAR = 0.12
"""So far apart, in parts of the picture, two centres are when one is said to be left of or above the other."""
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


@dataclass(frozen=True)
class Question:
    """A question with its only right answer.

    Attributes:
        kind: color, shape, count, exists, relation or side.
        question: the text.
        answer: the text.
    """

    kind: str
    question: str
    answer: str


def relation(scene: Scene, first: Shape, second: Shape) -> str | None:
    """Where the first shape is, seen from the second: along the axis that parts them most; None when too close to tell."""
    distances = [one - other for one, other in zip(first.centre, second.centre)]
    axis = 0 if abs(distances[0]) >= abs(distances[1]) else 1
    if abs(distances[axis]) < CLEAR * scene.side:
        return None
    return (("left of", "right of"), ("above", "below"))[axis][distances[axis] > 0]


def caption(scene: Scene, draw: Random) -> str:
    """A caption, such as ``a red circle left of a blue square``."""
    if len(scene.shapes) == 1:
        return f"a {scene.shapes[0].size} {scene.shapes[0].name}"
    first, second = draw.sample(scene.shapes, 2)
    return f"a {first.name} {relation(scene, first, second) or 'and'} a {second.name}"


def statement(scene: Scene, draw: Random) -> tuple[str, bool]:
    """A statement, and whether it is true; both are as likely."""
    true = draw.random() < 0.5
    pairs = [pair for pair in _pairs(scene) if relation(scene, *pair)]
    if pairs and draw.random() < 0.5:
        first, second = draw.choice(pairs)
        where = str(relation(scene, first, second))
        return f"the {first.name} is {where if true else OPPOSITE[where]} the {second.name}", true
    return f"there is a {_class(scene, draw, true)}", true


def expression(scene: Scene, draw: Random) -> tuple[str, int]:
    """Words that mean one shape and no other, such as ``the large triangle``, and the number of the shape."""
    described = [_descriptions(shape) for shape in scene.shapes]
    uses = Counter(text for texts in described for text in texts)
    number = draw.randrange(len(scene.shapes))
    return f"the {draw.choice([text for text in described[number] if uses[text] == 1])}", number


def questions(scene: Scene, draw: Random) -> list[Question]:
    """One question of every kind that has exactly one answer; yes and no are as likely."""
    asked = [_count(scene, draw), _exists(scene, draw)]
    kinds, colours = Counter(shape.kind for shape in scene.shapes), Counter(shape.colour for shape in scene.shapes)
    if alone := [shape for shape in scene.shapes if kinds[shape.kind] == 1]:
        shape = draw.choice(alone)
        asked.append(Question("color", f"what color is the {shape.kind}?", shape.colour))
    if alone := [shape for shape in scene.shapes if colours[shape.colour] == 1]:
        shape = draw.choice(alone)
        asked.append(Question("shape", f"what shape is the {shape.colour} object?", shape.kind))
    if pairs := [pair for pair in _pairs(scene) if relation(scene, *pair)]:
        asked.append(_relation(scene, *draw.choice(pairs), draw))
    if pairs := [pair for pair in pairs if relation(scene, *pair) in ("left of", "right of")]:
        first, second = draw.choice(pairs)
        side = str(relation(scene, first, second)).removesuffix(" of")
        asked.append(Question("side", f"is the {first.name} left or right of the {second.name}?", side))
    return asked


def _pairs(scene: Scene) -> list[tuple[Shape, Shape]]:
    return [(first, second) for first in scene.shapes for second in scene.shapes if first is not second]


def _descriptions(shape: Shape) -> list[str]:
    """The last one means no other shape, since no two have the same colour and kind."""
    return [shape.kind, f"{shape.size} {shape.kind}", f"{shape.colour} object", shape.name]


def _count(scene: Scene, draw: Random) -> Question:
    kind = draw.choice(KINDS)
    count = sum(shape.kind == kind for shape in scene.shapes)
    return Question("count", f"how many {kind}s are there?", str(count))


def _exists(scene: Scene, draw: Random) -> Question:
    true = draw.random() < 0.5
    return Question("exists", f"is there a {_class(scene, draw, true)}?", "yes" if true else "no")


def _relation(scene: Scene, first: Shape, second: Shape, draw: Random) -> Question:
    where = str(relation(scene, first, second))
    true = draw.random() < 0.5
    asked = where if true else OPPOSITE[where]
    return Question("relation", f"is the {first.name} {asked} the {second.name}?", "yes" if true else "no")


def _class(scene: Scene, draw: Random, there: bool) -> str:
    """A class that is there, or one that is not but shares colour or kind with one that is."""
    names = [shape.name for shape in scene.shapes]
    if there:
        return draw.choice(names)
    shape = draw.choice(scene.shapes)
    near = [f"{shape.colour} {kind}" for kind in KINDS] + [f"{colour} {shape.kind}" for colour in COLOURS]
    return draw.choice([name for name in near if name not in names] or [name for name in CLASSES if name not in names])
