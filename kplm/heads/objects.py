"""What each region shows, told apart beside a task."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from kplm.errors import KplmError
from kplm.fields import IGNORE
from kplm.models import BaseEncoder, VlBert
from kplm.nn.transform import Activated

START = "terms.masked_regions.transform."


class ObjectClasses(nn.Module):
    """Classes of the regions' last states; its loss keeps these tied to what is there (Su et al., 2020, section 4.2.1).

    The transform starts from that of masked regions, where the encoder's checkpoint has one.

    Args:
        encoder: gives the states.
        classes: K, how many are told apart.

    Raises:
        KplmError: the encoder has no regions.
    """

    def __init__(self, encoder: BaseEncoder, classes: int) -> None:
        super().__init__()
        if not isinstance(encoder, VlBert):
            raise KplmError(f"GroundedChoice needs a model with image regions, not a {type(encoder).__name__}.")
        self.transform = Activated(encoder.config, encoder.config.hidden)
        self.output = nn.Linear(encoder.config.hidden, classes)
        nn.init.normal_(self.output.weight, std=encoder.config.init_std)
        nn.init.zeros_(self.output.bias)
        start = {name.removeprefix(START): own for name, own in encoder.beside.items() if name.startswith(START)}
        if start:
            self.transform.load_state_dict(start)

    def forward(self, states: Tensor) -> Tensor:
        """``[B, R, D]`` to ``[B, R, K]``."""
        return self.output(self.transform(states))

    def loss(self, logits: Tensor, kinds: Tensor) -> Tensor:
        """Mean cross-entropy of ``[B, R, K]`` over the regions whose class is known, ``[B, R]``; 0 when none is.

        Raises:
            KplmError: a class is not among those told apart.
        """
        classes = self.output.out_features
        if kinds.device.type == "cpu" and kinds.numel() and int(kinds.max()) >= classes:
            raise KplmError(
                f"region_kinds has class {int(kinds.max())}, but this head tells apart {classes}, from 0. "
                f"Set model.head.init_args.object_classes to the number of classes."
            )
        total = F.cross_entropy(logits.flatten(0, 1).float(), kinds.flatten(), ignore_index=IGNORE, reduction="sum")
        return total / (kinds != IGNORE).sum().clamp(min=1)
