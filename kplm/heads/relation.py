"""Relation classification: the relation between a head and a tail entity."""

from __future__ import annotations

from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassF1Score

from kplm.errors import KplmError, did_you_mean
from kplm.fields import IGNORE
from kplm.heads.classify import Classify
from kplm.heads.metrics import GroupedF1
from kplm.nn.pooling import Pooling

DIRECTIONS = ("(e1,e2)", "(e2,e1)")


class Relation(Classify):
    """A classifier of marked pairs with the metrics of the relation data sets (Zhang et al., 2019, section 4.4).

    Args:
        none: the class that means 'no relation' ('NA', 'Other', ...): adds F1 over the other classes.
        pool: as in :class:`kplm.heads.Classify`; 'Marked' reads the states of the opening markers.
        dropout: probability before the linear map.
    """

    def __init__(self, none: str | None = None, pool: Pooling | None = None, dropout: float = 0.1) -> None:
        super().__init__(pool, dropout)
        self.none = none
        self.init_args = {"none": none, "pool": pool, "dropout": dropout}

    @property
    def headline(self) -> str:  # type: ignore[override]
        """SemEval's score where classes have directions, F1 without the none class where there is one, else accuracy."""
        if self._directed():
            return "f1_semeval"
        return "accuracy" if self.none is None else "f1_related"

    def metrics(self) -> MetricCollection:
        """Accuracy, micro and macro F1; F1 without the none class; SemEval-2010's official macro F1 if classes have directions."""
        found = super().metrics()
        found.add_metrics({"f1_micro": MulticlassF1Score(len(self.names), average="micro", ignore_index=IGNORE)})
        if self.none is not None:
            found.add_metrics({"f1_related": GroupedF1(self._related(), average="micro")})
        if self._directed():
            found.add_metrics({"f1_semeval": GroupedF1(self._undirected(), average="macro")})
        return found

    def _directed(self) -> bool:
        return any(name.endswith(DIRECTIONS) for name in self.names)

    def _related(self) -> list[str | None]:
        if self.none not in self.names:
            near = did_you_mean(str(self.none), self.names)
            raise KplmError(f"the none class '{self.none}' is not among the classes: {', '.join(self.names)}.{near}")
        return [None if name == self.none else "related" for name in self.names]

    def _undirected(self) -> list[str | None]:
        return [name[: -len(DIRECTIONS[0])] if name.endswith(DIRECTIONS) else None for name in self.names]
