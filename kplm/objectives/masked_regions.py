"""Masked region classification with linguistic clues."""

from __future__ import annotations

from torch import Tensor, nn
from torchmetrics import Metric

from kplm.errors import KplmError
from kplm.fields import Batch
from kplm.models import BaseEncoder, VlBert
from kplm.nn.transform import Activated
from kplm.objectives.base import Accuracy, Prediction, Term

NEAR_ONE = 0.1
"""How far the classes of a region may be from summing to 1; those of a region that is not asked for sum to 0."""


class MaskedRegions(Term):
    """Say what a detector saw in the regions a masker hid: cross-entropy with its soft classes (Su et al., 2020, section 3.3)."""

    name = "masked_regions"
    reads = frozenset({"region_labels"})

    def build(self, encoder: BaseEncoder) -> None:
        """A transform and a linear map to the detector's classes.

        Raises:
            KplmError: the encoder has no regions.
        """
        if not isinstance(encoder, VlBert):
            raise KplmError(f"MaskedRegions needs a model with image regions, not a {type(encoder).__name__}.")
        self.transform = Activated(encoder.config, encoder.config.hidden)
        self.output = nn.Linear(encoder.config.hidden, encoder.config.region_classes)
        nn.init.normal_(self.output.weight, std=encoder.config.init_std)
        nn.init.zeros_(self.output.bias)

    def predict(self, encoder: BaseEncoder, states: Tensor, batch: Batch) -> Prediction:
        """The regions that are asked for, and their soft classes.

        Raises:
            KplmError: these are not the classes of this model.
        """
        assert isinstance(encoder, VlBert)
        gold, classes = batch["region_labels"], self.output.out_features  # [B, R, K]
        if gold.shape[1] and gold.shape[-1] != classes:
            raise KplmError(
                f"region_labels has {gold.shape[-1]} classes a region, but this model predicts region_classes={classes}. "
                f"Start the model with region_classes={gold.shape[-1]}, or read the classes it was trained with."
            )
        asked = (gold.sum(-1) - 1).abs() <= NEAR_ONE
        return self.logits(encoder.split(states, batch)[1][asked]), gold[asked].view(-1, classes)

    def logits(self, states: Tensor) -> Tensor:
        """Score every class: ``[..., D]`` to ``[..., K]``."""
        return self.output(self.transform(states))

    def metrics(self) -> dict[str, Metric]:
        """How often the best class is the detector's best."""
        return {"accuracy": BestClass()}


class BestClass(Accuracy):
    """Share of predictions whose best class is the likeliest gold one."""

    def update(self, logits: Tensor, gold: Tensor) -> None:
        """``[N, K]`` each."""
        super().update(logits, gold.argmax(-1))
