"""LightningModules, optimisation and callbacks."""

from kplm.training.finetune import Finetune
from kplm.training.optim import Optimization

__all__ = ["Finetune", "Optimization"]
