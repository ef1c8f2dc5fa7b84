"""AdamW with the exclusions and the schedule BERT is fine-tuned with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn, optim
from torch.optim.lr_scheduler import ConstantLR, LinearLR, LRScheduler, SequentialLR


@dataclass(frozen=True, kw_only=True)
class Optimization:
    """How weights move. The defaults are the published fine-tuning settings (Zhang et al., 2019, section 4.3)."""

    lr: float = 2e-5
    """Peak learning rate of pretrained weights."""
    fresh_lr: float | None = None
    """Peak learning rate of weights that start at random (the head, entity layers); None: ``lr``."""
    weight_decay: float = 0.01
    """Decoupled weight decay; never on biases and LayerNorm weights."""
    warmup: float = 0.1
    """Share of all steps in which the rate rises from 0."""
    tail: Literal["linear", "constant"] = "linear"
    """After the warm-up: fall linearly to 0, or stay."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's moment decays."""
    eps: float = 1e-8
    """Added to Adam's denominator."""

    def build(self, groups: list[dict[str, Any]], steps: int, fused: bool) -> dict[str, Any]:
        """Optimizer and schedule as Lightning wants them.

        Args:
            groups: parameter groups, see :func:`parameter_groups`.
            steps: optimizer steps of the whole run.
            fused: update all weights in one kernel.
        """
        optimizer = optim.AdamW(
            groups, lr=self.lr, betas=self.betas, eps=self.eps, weight_decay=self.weight_decay, fused=fused
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self._schedule(optimizer, steps), "interval": "step"},
        }

    def _schedule(self, optimizer: optim.Optimizer, steps: int) -> LRScheduler:
        rise = max(1, round(self.warmup * steps))
        tail: LRScheduler = ConstantLR(optimizer, factor=1.0, total_iters=1)
        if self.tail == "linear":
            tail = LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=max(1, steps - rise))
        if self.warmup == 0:
            return tail
        start = LinearLR(optimizer, start_factor=1.0 / (rise + 1), total_iters=rise)
        return SequentialLR(optimizer, [start, tail], milestones=[rise])


def parameter_groups(module: nn.Module, fresh: Iterable[str], options: Optimization) -> list[dict[str, Any]]:
    """Split trainable weights by learning rate and by decay; biases and LayerNorm weights do not decay.

    Args:
        module: whose parameters are trained.
        fresh: prefixes or names of parameters that started at random.
        options: the rates.
    """
    prefixes = tuple(fresh)
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, weight in module.named_parameters():
        if weight.requires_grad:
            groups.setdefault((name.startswith(prefixes), weight.ndim > 1), []).append(weight)
    return [
        {
            "params": weights,
            "lr": (options.fresh_lr or options.lr) if is_fresh else options.lr,
            "weight_decay": options.weight_decay if decays else 0.0,
        }
        for (is_fresh, decays), weights in groups.items()
    ]
