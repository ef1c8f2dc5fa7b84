"""Cross entropy in which every triple counts the same."""

from __future__ import annotations

from pykeen.losses import CrossEntropyLoss, loss_resolver
from torch import Tensor
from torch.nn import functional


class OneVsAllLoss(CrossEntropyLoss):
    """1vsAll (Lacroix et al., 2018) on LCWA batches: the same sum over triples, scored once per head and relation.

    PyKEEN's own cross entropy shares one unit of loss among all tails of a pair: frequent pairs count too little.
    With drawn negatives both are the same.
    """

    def process_lcwa_scores(
        self,
        predictions: Tensor,
        labels: Tensor,
        label_smoothing: float | None = None,
        num_entities: int | None = None,
        weights: Tensor | None = None,
    ) -> Tensor:
        """The mean over the true triples of a batch of -log softmax.

        Args:
            predictions: ``[B, N]`` float, scores of all N tails.
            labels: ``[B, N]`` float, 1 for the true tails.
            label_smoothing: the part of each label that all tails share.
            num_entities: N, unused.
            weights: refused.
        """
        self._raise_on_weights(weights)
        log_likely = functional.log_softmax(predictions, dim=-1)
        smooth = label_smoothing or 0.0
        true, every = (labels * log_likely).sum(), (labels.sum(dim=-1) * log_likely.mean(dim=-1)).sum()
        return -((1 - smooth) * true + smooth * every) / labels.sum()


if loss_resolver.normalize_cls(OneVsAllLoss) not in loss_resolver.lookup_dict:
    loss_resolver.register(OneVsAllLoss)
