"""Boxes by a detection network of torchvision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vision.found import Boxes, checked
from vision.pictures import Normalisation, pixels
from vision.regions.detector import detection_network, detection_networks

if TYPE_CHECKING:
    from PIL.Image import Image

PLAIN = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Detected(nn.Module):
    """The objects that a detection network finds, the surest first.

    Attributes:
        random: its weights are random, so that its boxes mean nothing.
    """

    def __init__(
        self,
        name: str = "fasterrcnn_resnet50_fpn",
        weights: str | None = "DEFAULT",
        most: int = 36,
        least: int = 10,
        sure: float = 0.2,
    ) -> None:
        """Build the network and load its weights.

        Args:
            name: a detection network of torchvision.
            weights: a name of torchvision, a file, or None for random ones.
            most: so many boxes at most.
            least: so many are kept even if they are less sure, where there are as many.
            sure: the lowest score of the others.

        Raises:
            VisionError: name or weights are not known or cannot be had.
        """
        super().__init__()
        self.model, self.random = detection_network(name, weights, detection_networks())
        self._names = _class_names(name)
        self._most, self._least, self._sure = most, least, sure

    @torch.inference_mode()
    def forward(self, name: str, image: Image) -> Boxes:
        """The boxes of one picture; see `BoxSource`."""
        device = next(self.model.parameters()).device
        found: dict[str, Any] = self.model.eval()([pixels(image, PLAIN)[0].to(device)])[0]
        order = found["scores"].argsort(descending=True, stable=True)[: self._most]
        keep = order[(found["scores"][order] >= self._sure) | (torch.arange(len(order), device=device) < self._least)]
        corners = checked(found["boxes"][keep].cpu().numpy(), image.size, name)
        return Boxes(corners, tuple(self._names[number] for number in found["labels"][keep].tolist()))


def _class_names(name: str) -> list[str]:
    from vision.tv import torchvision

    weights = torchvision().models.get_model_weights(name)
    return list(next(iter(weights)).meta["categories"])
