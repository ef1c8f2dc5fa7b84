"""Weights, gradients and optimizer states in parts on all processes, for encoders that do not fit into one device."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.strategies import ModelParallelStrategy, StrategyRegistry
from torch import nn
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

from kplm.errors import KplmError
from kplm.models.ernie_thu import MixLayer
from kplm.nn.layer import EncoderLayer

LAYERS = (EncoderLayer, MixLayer)
"""What is gathered for its turn and put away again."""
STEPS = ("training_step", "validation_step", "test_step", "predict_step")
NAME = "sharded"


class Sharded(ModelParallelStrategy):
    """``trainer.strategy: sharded``: FSDP2 (Zhao et al., 2023) over the layers of the encoder; a checkpoint is one file, as without it."""

    def __init__(self, process_group_backend: str | None = None) -> None:
        """Leave tensors whole and share out layers.

        Args:
            process_group_backend: 'nccl', 'gloo', ...; by default what suits the device.
        """
        super().__init__(
            data_parallel_size=1,
            tensor_parallel_size=1,
            save_distributed_checkpoint=False,
            process_group_backend=process_group_backend,
        )

    def setup_environment(self) -> None:
        """All processes share one model."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Read tensors and never code; the training data, which Lightning has opened by now, is opened again where the run left it."""
        found = super().load_checkpoint(checkpoint_path, weights_only=True)
        if self.lightning_module is not None:
            self.lightning_module.trainer.fit_loop._combined_loader = None
        return found

    def on_validation_start(self) -> None:
        """Gather all weights until the end, as processes may have different numbers of batches to score."""
        self._keep_whole(True)

    def on_validation_end(self) -> None:
        """Put them away again."""
        self._keep_whole(False)

    on_test_start = on_predict_start = on_validation_start
    on_test_end = on_predict_end = on_validation_end

    def _keep_whole(self, whole: bool) -> None:
        for part in self.lightning_module.modules() if self.lightning_module is not None else ():
            if isinstance(part, FSDPModule):
                part.set_reshard_after_forward(not whole, recurse=False)
                part.unshard() if whole else part.reshard()


StrategyRegistry.register(NAME, Sharded, description="FSDP2 over the layers of kplm's encoders")


def shard(module: LightningModule, mesh: Any) -> None:
    """Share the weights of a model out among the processes of a mesh; nothing to do where that is done.

    A layer is gathered when it computes. Everything else, embeddings and heads, is gathered for the whole of a step, as heads read the
    tables of the encoder.

    Args:
        module: the model; what Lightning calls of it gathers its weights first.
        mesh: of one dimension.

    Raises:
        KplmError: it has a table with sparse gradients, which cannot be shared out.
    """
    if any(isinstance(part, nn.Embedding) and part.sparse for part in module.modules()):
        raise KplmError(
            f"an entity table inside the model cannot be shared out by trainer.strategy: {NAME}. Use strategy: ddp, or leave the "
            f"table with the data (no model.encoder.init_args.table)."
        )
    for part in module.modules():
        if isinstance(part, LAYERS):
            fully_shard(part, mesh=mesh)
        if isinstance(part, MixLayer):  # called by this name, and does not call itself by another
            register_fsdp_forward_method(part, "fuse")
    fully_shard(module, mesh=mesh)
    for name in STEPS:
        register_fsdp_forward_method(module, name)


def refuse(strategy: object) -> None:
    """Lightning's own FSDP wraps a model in a way that kplm's heads, which read tables of the encoder, cannot work with.

    Args:
        strategy: a name, or what Lightning made of it.

    Raises:
        KplmError: that is asked for.
    """
    name = strategy if isinstance(strategy, str) else type(strategy).__name__
    if name.lower().startswith(("fsdp", "deepspeed")):
        raise KplmError(
            f"trainer.strategy: {name} cannot train this model. Set trainer.strategy: {NAME}, which is FSDP2."
        )


def is_sharded(module: nn.Module) -> bool:
    """Whether its weights are parts of something larger."""
    return any(isinstance(weight, torch.distributed.tensor.DTensor) for weight in module.parameters())
