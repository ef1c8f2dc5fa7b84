"""Choices whose score is kept tied to what is in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torchmetrics import MetricCollection

from kplm.fields import Batch
from kplm.heads.multiple_choice import MultipleChoice
from kplm.heads.objects import ObjectClasses
from kplm.models import BaseEncoder, VlBert
from kplm.nn.pooling import Pooling


@dataclass(frozen=True)
class Grounded:
    """What :class:`GroundedChoice` computes from a batch."""

    choices: Tensor
    """``[B]`` float, logits."""
    objects: Tensor
    """``[B, R, K]`` float, logits of what each region shows."""


class GroundedChoice(MultipleChoice):
    """:class:`MultipleChoice` with a second loss: what each region shows, read off its last state (Su et al., 2020, section 4.2.1).

    Args:
        object_classes: classes of ``region_kinds``, background included; 81 for COCO's.
        object_weight: what their loss is multiplied with.
        right: as in :class:`MultipleChoice`.
        pool: as in :class:`kplm.heads.Classify`.
        dropout: probability before the linear map to the logit.
    """

    reads = MultipleChoice.reads | {"region_kinds"}

    def __init__(
        self,
        object_classes: int = 81,
        object_weight: float = 1.0,
        right: str = "right",
        pool: Pooling | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(right, pool, dropout)
        self.object_classes, self.object_weight = object_classes, object_weight
        self.init_args |= {"object_classes": object_classes, "object_weight": object_weight}

    def build(self, encoder: BaseEncoder, names: Sequence[str]) -> None:
        """The logit's linear map, and the classifier of objects.

        Raises:
            KplmError: see :meth:`MultipleChoice.build`; or the encoder has no regions.
        """
        super().build(encoder, names)
        self.objects = ObjectClasses(encoder, self.object_classes)

    def forward(self, encoder: BaseEncoder, batch: Batch) -> Grounded:
        """Score each choice and each class of each region."""
        assert isinstance(encoder, VlBert)
        states = encoder(batch)
        tokens, regions = encoder.split(states, batch)
        pooled = self.pool(tokens, batch) if encoder.pooler is None else encoder.pooler(states, batch)
        return Grounded(self.output(self.dropout(pooled))[:, 0], self.objects(regions))

    def loss(self, logits: Grounded, batch: Batch) -> Tensor:  # type: ignore[override]
        """That of the choices and, weighted, that of the objects."""
        objects = self.objects.loss(logits.objects, batch["region_kinds"])
        return super().loss(logits.choices, batch) + self.object_weight * objects

    def score(self, metrics: MetricCollection, logits: Grounded, batch: Batch) -> None:  # type: ignore[override]
        """Questions alone count."""
        super().score(metrics, logits.choices, batch)

    def decode(self, logits: Grounded, batch: Batch) -> list[dict[str, Any]]:  # type: ignore[override]
        """See :meth:`MultipleChoice.decode`."""
        return super().decode(logits.choices, batch)
