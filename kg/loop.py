"""1vsAll: every triple asks for its tail among all entities (Lacroix et al., 2018; Ruffinelli et al., 2020)."""

from __future__ import annotations

from typing import Any, cast

import torch
from pykeen.losses import CrossEntropyLoss
from pykeen.training import SymmetricLCWATrainingLoop, training_loop_resolver
from pykeen.triples import CoreTriplesFactory
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot
from torch.utils.data import DataLoader, Dataset, TensorDataset


class OneVsAllTrainingLoop(SymmetricLCWATrainingLoop):
    """Batches of triples, heads found by inverse relations.

    PyKEEN's LCWA loop groups all tails of a head and a relation into one step, so that a country's thousand people are
    seen once an epoch; here they are seen in a thousand places, which trains better under Adam.
    """

    def _create_training_data_loader(
        self, triples_factory: CoreTriplesFactory, sampler: str | None, **kwargs: Any
    ) -> DataLoader[tuple[Tensor]]:
        triples = cast("Dataset[tuple[Tensor]]", TensorDataset(_both_ways(triples_factory)))
        return DataLoader(triples, **kwargs)

    def _process_batch(
        self,
        batch: tuple[Tensor],
        start: int,
        stop: int,
        label_smoothing: float = 0.0,
        slice_size: int | None = None,
    ) -> Tensor:
        """The loss of ``[B, 3] int64`` triples."""
        triples = batch[0][start:stop].to(self.model.device)
        scores = self.model.score_t(triples[:, :2], slice_size=slice_size, mode=self.mode)  # [B, N]
        return self._tail_loss(scores, triples[:, 2], label_smoothing) + self.model.collect_regularization_term()

    def _tail_loss(self, scores: Tensor, tails: Tensor, label_smoothing: float) -> Tensor:
        """The loss of ``[B, N] float`` scores; cross entropy needs no ``[B, N]`` labels, and is several times as quick without."""
        if type(self.loss) is CrossEntropyLoss:
            return cross_entropy(scores, tails, label_smoothing=label_smoothing, reduction=self.loss.reduction)
        entities = self.model.num_entities
        labels = one_hot(tails, entities).to(scores.dtype)
        return self.loss.process_lcwa_scores(scores, labels, label_smoothing, entities)


def _both_ways(factory: CoreTriplesFactory) -> Tensor:
    """The triples and, where the factory has inverse relations, their inverses: ``[T or 2T, 3] int64``."""
    triples = factory.mapped_triples
    if not factory.create_inverse_triples:
        return triples
    number = factory.relation_inverter.map
    return torch.cat([number(triples), number(triples, invert=True).flip(1)])


if training_loop_resolver.normalize_cls(OneVsAllTrainingLoop) not in training_loop_resolver.lookup_dict:
    training_loop_resolver.register(OneVsAllTrainingLoop)
