"""Features from torchvision's detection networks: what their box head sees in a box."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vision.pictures import Normalisation
from vision.regions.base import Settled
from vision.regions.weights import load, network
from vision.tv import torchvision


def detection_networks() -> list[str]:
    """The names of torchvision's detection networks."""
    models = torchvision().models
    return models.list_models(module=models.detection)


def detection_network(name: str, weights: str | None, possible: list[str]) -> tuple[Any, bool]:
    """A detection network in evaluation mode, and whether its weights are random."""
    model = network(name, possible, weights_backbone=None)
    random = load(model, name, weights)
    return model.eval(), random


class Detector(Settled):
    """Region features of a Faster R-CNN or Mask R-CNN: the state before its class scores, and the scores themselves."""

    def __init__(
        self, name: str = "fasterrcnn_resnet50_fpn", weights: str | None = "DEFAULT", frozen: bool = True
    ) -> None:
        """Build the network and load its weights.

        Args:
            name: a Faster, Mask or Keypoint R-CNN of torchvision.
            weights: a name of torchvision, a file, or None for random ones.
            frozen: do not train it.

        Raises:
            VisionError: name or weights are not known or cannot be had.
        """
        super().__init__()
        possible = [known for known in detection_networks() if "rcnn" in known]
        self.model, self.random = detection_network(name, weights, possible)
        transform = self.model.transform
        self.normalisation = Normalisation(tuple(transform.image_mean), tuple(transform.image_std))
        self.short, self.long = int(transform.min_size[-1]), int(transform.max_size)
        self.width = int(self.model.roi_heads.box_predictor.cls_score.in_features)
        self.settle(frozen)

    def look(self, pictures: Tensor, boxes: Tensor, rows: Tensor, sizes: Tensor) -> Tensor:
        """See `RegionSource.look`."""
        seen = self.model.backbone(pictures)
        parted = list(boxes.split(torch.bincount(rows, minlength=len(pictures)).tolist()))
        shapes = [(int(height), int(width)) for width, height in sizes.tolist()]
        return self.model.roi_heads.box_head(self.model.roi_heads.box_roi_pool(seen, parted, shapes))

    def class_scores(self, features: Tensor) -> Tensor:
        """See `RegionSource.class_scores`; class 0 is the background."""
        return self.model.roi_heads.box_predictor.cls_score(features).softmax(dim=-1)
