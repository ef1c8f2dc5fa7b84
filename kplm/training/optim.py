"""AdamW with the exclusions and the schedule BERT is fine-tuned with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import nn, optim
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


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
            groups: parameter groups, see :func:`parameter_groups`; those of tables with sparse gradients say ``sparse``.
            steps: optimizer steps of the whole run.
            fused: update all weights in one kernel.
        """
        dense, sparse = ([group for group in groups if group.get("sparse", False) is kind] for kind in (False, True))
        shared: dict[str, Any] = {"lr": self.lr, "betas": self.betas, "eps": self.eps}
        optimizer: optim.Optimizer = optim.AdamW(dense, weight_decay=self.weight_decay, fused=fused, **shared)
        if sparse:
            optimizer = Together(optimizer, optim.SparseAdam(sparse, **shared))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self._schedule(optimizer, steps), "interval": "step"},
        }

    def _schedule(self, optimizer: optim.Optimizer, steps: int) -> LRScheduler:
        """A function of the step alone, so that a checkpoint can be trained on for longer than was planned."""
        rise = max(1, round(self.warmup * steps)) if self.warmup else 0
        fall = max(1, steps - rise) if self.tail == "linear" else None
        return LambdaLR(optimizer, partial(_factor, rise=rise, fall=fall))


def _factor(step: int, rise: int, fall: int | None) -> float:
    """Share of the peak rate: up in ``rise`` steps, down to 0 in ``fall``, or constant where that is None."""
    if step < rise:
        return (step + 1) / (rise + 1)
    return 1.0 if fall is None else max(0.0, 1 - (step - rise) / fall)


class Together(optim.Optimizer):
    """Several optimizers that step as one, for a model with dense and sparse gradients.

    Args:
        parts: the optimizers; their parameter groups are seen through this one, so a schedule moves all rates.
    """

    def __init__(self, *parts: optim.Optimizer) -> None:
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self.param_groups = [group for part in parts for group in part.param_groups]

    def step(self, closure: Any = None) -> Any:  # type: ignore[override]
        """Compute the gradients once, then step each part."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The states of the parts."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The inverse of :meth:`state_dict`."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]


def clip(weights: Iterable[nn.Parameter], limit: float, algorithm: str) -> None:
    """Limit the gradients, by their joint 'norm' or each 'value'; sparse ones are left alone.

    A row of a sparse table is moved by Adam's step, whose size does not depend on the size of the gradient.
    """
    dense = [weight for weight in weights if weight.grad is not None and not weight.grad.is_sparse]
    if algorithm == "value":
        nn.utils.clip_grad_value_(dense, limit)
    else:
        nn.utils.clip_grad_norm_(dense, limit)


def parameter_groups(module: nn.Module, fresh: Iterable[str], options: Optimization) -> list[dict[str, Any]]:
    """Split trainable weights by learning rate and by decay; biases and LayerNorm weights do not decay.

    Args:
        module: whose parameters are trained.
        fresh: prefixes or names of parameters that started at random.
        options: the rates.
    """
    prefixes = tuple(fresh)
    tables = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding) and part.sparse}
    groups: dict[tuple[bool, bool, bool], list[nn.Parameter]] = {}
    for name, weight in module.named_parameters():
        if weight.requires_grad:
            kind = name.startswith(prefixes), weight.ndim > 1, id(weight) in tables
            groups.setdefault(kind, []).append(weight)
    return [
        {
            "params": weights,
            "lr": (options.fresh_lr or options.lr) if is_fresh else options.lr,
            **({"sparse": True} if sparse else {"weight_decay": options.weight_decay if decays else 0.0}),
        }
        for (is_fresh, decays, sparse), weights in groups.items()
    ]
