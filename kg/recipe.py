"""How entity vectors are trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Scale = Literal["unit", "standard", "none"]
TrainingLoop = Literal["auto", "onevsall", "lcwa", "slcwa"]


@dataclass(frozen=True)
class Recipe:
    """The settings of one training by PyKEEN.

    Attributes:
        model: any model of PyKEEN, by name; ``rgcn`` is `kg.relational.Rgcn`, by layers of torch-geometric.
        dim: length of a vector.
        epochs: passes over the training triples, at most.
        batch_size: triples in a step (pairs of head and relation under ``lcwa``).
        lr: learning rate.
        lr_decay: factor on the learning rate after each epoch.
        loss: any loss of PyKEEN, by name.
        margin: the margin, for losses that have one.
        negatives: corrupted triples for each true one, under ``slcwa``.
        training_loop: ``onevsall`` finds the tail of each triple among all entities, ``lcwa`` all tails for a head and a
            relation, ``slcwa`` the true triple among drawn ones; ``auto`` takes ``onevsall`` for up to 50,000 entities.
        optimizer: any optimizer of PyKEEN, by name.
        inverse: add the inverse of every relation, by which ``onevsall`` and ``lcwa`` learn to find heads.
        label_smoothing: for cross entropy.
        model_kwargs: further arguments of the model, see PyKEEN or `kg.relational.Rgcn`.
        valid_fraction: how much of the triples is held out where the graph has no split ``valid``; 0 for none.
        evaluate_every: epochs between two evaluations on ``valid``; 0 for none before the end.
        patience: evaluations without a gain in MRR after which training stops; the best vectors are kept.
        scale: ``unit`` divides all vectors by one number, so that their entries have variance 1 and the geometry stays;
            ``standard`` gives each dimension mean 0 and variance 1; ``none`` leaves them.
        seed: of all randomness.
        device: ``auto``, ``cpu``, ``cuda``, ...
        threads: of torch; 0 leaves the number as it is. Small graphs train fastest with one.
    """

    model: str = "TransE"
    dim: int = 100
    epochs: int = 100
    batch_size: int = 512
    lr: float = 0.003
    lr_decay: float = 1.0
    loss: str = "crossentropy"
    margin: float | None = None
    negatives: int = 32
    training_loop: TrainingLoop = "auto"
    optimizer: str = "Adam"
    inverse: bool = True
    label_smoothing: float = 0.0
    model_kwargs: dict[str, Any] = field(default_factory=dict)
    valid_fraction: float = 0.05
    evaluate_every: int = 5
    patience: int = 3
    scale: Scale = "unit"
    seed: int = 0
    device: str = "auto"
    threads: int = 0
