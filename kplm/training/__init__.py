"""LightningModules, optimisation and callbacks."""

from kplm.training.base import Training
from kplm.training.finetune import Finetune
from kplm.training.optim import Optimization
from kplm.training.pretrain import Pretrain

__all__ = ["Finetune", "Optimization", "Pretrain", "Training"]
