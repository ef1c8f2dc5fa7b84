"""``kplm kg neighbours``: what a graph says around an entity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from json import dumps
from typing import Any, NamedTuple

from kg.errors import KgError
from kg.names import Name
from kg.readers import Triple
from kg.store import TripleStore

LISTED = 20


class Step(NamedTuple):
    """One triple on the way out from an entity.

    Attributes:
        hop: how many triples from the start, counted from 1.
        triple: its ids.
        outgoing: whether it leads from head to tail, seen from the start.
        origin: the entity at the nearer end.
        reached: the entity at the farther end.
        degree: how many triples touch ``reached``.
    """

    hop: int
    triple: Triple
    outgoing: bool
    origin: str
    reached: str
    degree: int


def neighbours(
    graph: str,
    entity: str,
    *,
    hops: int = 1,
    limit: int = 20,
    names: str | None = None,
    json: bool = False,
    max_bad: int = 10,
) -> None:
    """Print the triples around an entity.

    Args:
        graph: a folder or file of triples, a saved graph, package:NAME/folder, or pykeen:NAME.
        entity: its id, its label or an alias.
        hops: how many triples to go, in either direction.
        limit: how many triples to show at each entity, at most.
        names: a file of labels and aliases besides those of the graph.
        json: print one JSON object for each triple instead of a tree.
        max_bad: so many bad lines of the graph are passed over with a warning, one more is an error.
    """
    store = TripleStore.open(graph, names, max_bad)
    start = find(store, entity)
    steps = around(store, start, hops, limit)
    if json:
        for step in steps:
            print(dumps(_row(store, step), ensure_ascii=False))
    else:
        print("\n".join(_tree(store, start, steps)))


def find(store: TripleStore, text: str) -> str:
    """The id of the entity that ``text`` names: an id, a label, or an alias, the latter two in any case.

    Raises:
        KgError: no entity is called so, or several are.
    """
    found = [text] if text in store else _called_so(store, text)
    if len(found) == 1:
        return found[0]
    if found:
        listed = "\n".join(f"  {_called(store, entity)}" for entity in found[:LISTED])
        raise KgError(f"'{text}' names {len(found)} entities. Give the id of one:\n{listed}")
    raise KgError(f"The graph has no entity '{text}', neither as an id nor as a name. {_nearest(store, text)}")


def around(store: TripleStore, start: str, hops: int = 1, limit: int = 20) -> list[Step]:
    """The triples up to ``hops`` away from an entity, breadth first, each once.

    Args:
        store: the graph.
        start: the id of an entity.
        hops: how many triples to go, in either direction.
        limit: how many triples to follow at each entity; outgoing ones come first.

    Raises:
        KgError: ``hops`` or ``limit`` is below 1.
    """
    for name, value in (("hops", hops), ("limit", limit)):
        if value < 1:
            raise KgError(f"{name} is at least 1; got {value}.")
    reached, shown = {start}, set[int]()
    steps: list[Step] = []
    frontier = [start]
    for hop in range(1, hops + 1):
        found = [step for origin in frontier for step in _steps(store, origin, hop, limit, shown)]
        frontier = [name for name in dict.fromkeys(step.reached for step in found) if name not in reached]
        reached.update(frontier)
        steps += found
    return steps


def _steps(store: TripleStore, origin: str, hop: int, limit: int, shown: set[int]) -> Iterator[Step]:
    """Up to ``limit`` triples at an entity whose rows are not in ``shown``, to which they are added."""
    number = store.number(origin)
    away, back = store.by_head.of(number).tolist(), store.by_tail.of(number).tolist()
    for row in [row for row in dict.fromkeys(away + back) if row not in shown][:limit]:
        shown.add(row)
        head, _, tail = store.triples[row].tolist()
        other = tail if head == number else head
        words = store.words(store.triples[row])
        yield Step(hop, words, head == number, origin, store.entities[other], _degree(store, other))


def _degree(store: TripleStore, number: int) -> int:
    return len(store.by_head.of(number)) + len(store.by_tail.of(number))


def _tree(store: TripleStore, start: str, steps: list[Step]) -> Iterator[str]:
    """The steps as an indented tree: each entity once with the triples that were followed from it."""
    below: dict[str, list[Step]] = {}
    for step in steps:
        below.setdefault(step.origin, []).append(step)
    ends = Counter(end for step in steps for end in (step.origin, step.reached))
    degrees = {start: 0, **{end: _degree(store, store.number(end)) for end in ends}}
    yield f"{_called(store, start)}  [{degrees[start]}]"
    if not steps:
        yield "  no triple touches it"
    yield from _branches(store, start, 1, below, {end: degrees[end] - shown for end, shown in ends.items()})


def _branches(
    store: TripleStore, origin: str, hop: int, below: dict[str, list[Step]], left: dict[str, int]
) -> Iterator[str]:
    """The lines below one entity; ``left`` tells how many of its triples are not among the steps."""
    steps, indent = below.pop(origin, []), "  " * hop
    for step in steps:
        relation = store.relation_label(step.triple.relation)
        arrow = f"-- {relation} -->" if step.outgoing else f"<-- {relation} --"
        yield f"{indent}{arrow} {_called(store, step.reached)}  [{step.degree}]"
        if step.reached in below and below[step.reached][0].hop == hop + 1:
            yield from _branches(store, step.reached, hop + 1, below, left)
    if steps and left[origin]:
        yield f"{indent}... {left[origin]} more"


def _row(store: TripleStore, step: Step) -> dict[str, Any]:
    head, relation, tail = step.triple
    return {
        "hop": step.hop,
        "head": head,
        "relation": relation,
        "tail": tail,
        "head_label": store.label(head),
        "relation_label": store.relation_label(relation),
        "tail_label": store.label(tail),
        "direction": "out" if step.outgoing else "in",
        "reached": step.reached,
        "degree": step.degree,
    }


def _called(store: TripleStore, entity: str) -> str:
    name = store.name(entity)
    text = f"{name.label} ({entity})" if name.label and name.label != entity else entity
    return f"{text}: {name.description}" if name.description else text


def _called_so(store: TripleStore, text: str) -> list[str]:
    """The entities with this label; else with this label in any case; else with this alias in any case."""
    folded = text.casefold()
    rules: tuple[Callable[[Name], bool], ...] = (
        lambda name: name.label == text,
        lambda name: name.label.casefold() == folded,
        lambda name: folded in {alias.casefold() for alias in name.aliases},
    )
    found = ([entity for entity, name in store.named.items() if rule(name)] for rule in rules)
    return next((entities for entities in found if entities), [])


def _nearest(store: TripleStore, text: str) -> str:
    """The sentence that names the nearest ids and labels; only those of about the same length are compared."""
    names = [*store.entities, *(name.label for name in store.named.values())]
    near = {name.casefold(): name for name in names if abs(len(name) - len(text)) <= 2}
    matches = get_close_matches(text.casefold(), near, n=3)
    if matches:
        return f"Did you mean {' or '.join(repr(near[match]) for match in matches)}?"
    return f"It has {len(store.entities)} entities, such as {', '.join(map(repr, store.entities[:3]))}."
