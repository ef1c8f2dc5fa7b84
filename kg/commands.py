"""What ``kplm kg`` does with whole graphs: ``train``, ``save``, ``info``. Plain functions, exposed by the command line."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from kg.recipe import Recipe, Scale, TrainingLoop
from kg.store import TripleStore


def train(
    graph: str,
    out: str,
    *,
    model: str = "TransE",
    dim: int = 100,
    epochs: int = 100,
    batch_size: int = 512,
    lr: float = 0.003,
    lr_decay: float = 1.0,
    loss: str = "crossentropy",
    margin: float | None = None,
    negatives: int = 32,
    training_loop: TrainingLoop = "auto",
    optimizer: str = "Adam",
    inverse: bool = True,
    label_smoothing: float = 0.0,
    model_kwargs: dict[str, Any] | None = None,
    valid_fraction: float = 0.05,
    evaluate_every: int = 5,
    patience: int = 3,
    scale: Scale = "unit",
    seed: int = 0,
    device: str = "auto",
    threads: int = 0,
    max_bad: int = 10,
) -> None:
    """Train entity vectors with PyKEEN and write an entity table.

    Args:
        graph: a folder or file of triples, a saved graph, package:NAME/folder, or pykeen:NAME.
        out: the folder for the entity table and metrics.json; written whole or not at all.
        model: any model of PyKEEN, by name; rgcn is the graph network of kg.relational, by layers of torch-geometric.
        dim: length of a vector.
        epochs: passes over the training triples, at most.
        batch_size: triples in a step (pairs of head and relation under lcwa).
        lr: learning rate.
        lr_decay: factor on the learning rate after each epoch.
        loss: any loss of PyKEEN, by name.
        margin: the margin, for losses that have one.
        negatives: corrupted triples for each true one, under slcwa.
        training_loop: onevsall finds the tail of each triple among all entities, lcwa all tails for a head and a
            relation, slcwa the true triple among drawn ones; auto takes onevsall for up to 50,000 entities.
        optimizer: any optimizer of PyKEEN, by name.
        inverse: add the inverse of every relation, by which onevsall and lcwa learn to find heads.
        label_smoothing: for cross entropy.
        model_kwargs: further arguments of the model; for rgcn layers, blocks, dropout, edge_dropout, interaction.
        valid_fraction: how much of the triples is held out where the graph has no split valid; 0 for none.
        evaluate_every: epochs between two evaluations on valid; 0 for none before the end.
        patience: evaluations without a gain in MRR after which training stops; the best vectors are kept.
        scale: unit divides all vectors by one number, so that their entries have variance 1 and the geometry stays;
            standard gives each dimension mean 0 and variance 1; none leaves them.
        seed: of all randomness.
        device: auto, cpu, cuda, ...
        threads: of torch; 0 leaves the number as it is. Small graphs train fastest with one.
        max_bad: so many bad lines of the graph are passed over with a warning, one more is an error.
    """
    settings = {name: value for name, value in locals().items() if name not in ("graph", "out", "max_bad")}
    from kg.embed import embed

    recipe = Recipe(**{**settings, "model_kwargs": model_kwargs or {}})
    table, metrics = embed(TripleStore.open(graph, max_bad=max_bad), out, recipe)
    print(json.dumps({"out": out, "entities": len(table), "width": table.width, **metrics}))


def save(graph: str, out: str, names: str | None = None, relation_names: str | None = None, max_bad: int = 10) -> None:
    """Put a graph and its names into one folder that opens at once, wherever they came from.

    Args:
        graph: as for train.
        out: the folder to write, whole or not at all.
        names: a file of labels and aliases besides those of the graph: TSV with a header, JSON lines, or a JSON object by id.
        relation_names: the same for relations, such as the relations.json of CoDEx.
        max_bad: so many bad lines are passed over with a warning, one more is an error.
    """
    store = TripleStore.open(graph, names, max_bad, relation_names)
    store.save(out)
    named = {"named": len(store.named), "named_relations": sum(one in store.named_relations for one in store.relations)}
    counts = {"triples": len(store), "entities": len(store.entities), "relations": len(store.relations)}
    print(json.dumps({"out": out, **counts, **named}))


def info(graph: str, names: str | None = None, max_bad: int = 10) -> None:
    """Print what a graph holds, as JSON.

    Args:
        graph: as for train.
        names: a file of labels and aliases besides those of the graph.
        max_bad: so many bad lines are passed over with a warning, one more is an error.
    """
    print(json.dumps(described(TripleStore.open(graph, names, max_bad)), ensure_ascii=False, indent=1))


def described(store: TripleStore, top: int = 10) -> dict[str, Any]:
    """Counts, the most frequent relations, degrees and isolated entities of a graph."""
    degrees = store.degrees
    touched = degrees[degrees > 0]
    uses = np.bincount(store.triples[:, 1], minlength=len(store.relations))
    frequent = [store.relations[number] for number in np.argsort(-uses, kind="stable")[:top]]
    return {
        "triples": len(store),
        "splits": store.splits,
        "entities": len(store.entities),
        "relations": len(store.relations),
        "named_entities": len(store.named),
        "aliases": sum(len(name.aliases) for name in store.named.values()),
        "isolated_entities": int((degrees == 0).sum()),
        "degree": {
            "mean": round(float(touched.mean()), 2),
            "median": float(np.median(touched)),
            "max": int(touched.max()),
        },
        "top_relations": {store.relation_label(name): int(uses[store.relations.index(name)]) for name in frequent},
        "notes": store.notes,
    }
