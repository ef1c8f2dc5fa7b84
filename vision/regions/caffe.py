"""The recipe of VL-BERT's code: a ResNet up to its fourth stage, RoIAlign, and the dilated fifth stage on every region."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from vision.pictures import CAFFE, IMAGENET
from vision.regions.base import RegionSource, with_rows
from vision.regions.weights import load, network
from vision.tv import torchvision

DEPTHS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
POOLED, STRIDE = 14, 16


class Caffe(RegionSource):
    """Region features of Su et al. (2020) from torchvision's ResNets.

    The stride is in the 1 x 1 convolutions, as in Caffe's ResNets; the last stage has stride 1 and dilation 2 in all
    its blocks and runs on 14 x 14 numbers a region; batch norms are frozen. State dict names are torchvision's.
    Masks of objects are laid over what the last stage sees, before the mean of all 14 x 14 places.
    """

    masked = POOLED

    def __init__(
        self,
        name: str = "resnet101",
        weights: str | None = "DEFAULT",
        frozen: int = 2,
        colours: Literal["imagenet", "caffe"] = "imagenet",
        short: int = 600,
        long: int = 1000,
    ) -> None:
        """Build the network and load its weights.

        Args:
            name: resnet18, resnet34, resnet50, resnet101 or resnet152.
            weights: a name of torchvision, a file, or None for random ones.
            frozen: so many of the five stages are not trained.
            colours: how pixels are normalised: imagenet for torchvision's weights, caffe for the authors'.
            short: pixels of the short side.
            long: the most pixels of the long side.

        Raises:
            VisionError: name or weights are not known or cannot be had.
        """
        super().__init__()
        resnet = network(name, DEPTHS, norm_layer=torchvision().ops.FrozenBatchNorm2d)
        self.random = load(resnet, name, weights, optional="fc.")
        self.normalisation = {"imagenet": IMAGENET, "caffe": CAFFE}[colours]
        self.short, self.long = short, long
        self.width: int = resnet.fc.in_features
        self.conv1, self.bn1, self.relu, self.maxpool = resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4
        _stride_first(self.layer2[0])
        _stride_first(self.layer3[0])
        _dilate(self.layer4)
        self._freeze(frozen)

    def look(self, pictures: Tensor, boxes: Tensor, rows: Tensor, sizes: Tensor, masks: Tensor | None = None) -> Tensor:
        """See `RegionSource.look`; masks are ``[n, 14, 14]``."""
        low = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        seen = self.layer3(self.layer2(self.layer1(low)))  # [B, C, H / 16, W / 16]
        pooled = torchvision().ops.roi_align(
            seen, with_rows(boxes, rows), POOLED, spatial_scale=1 / STRIDE, sampling_ratio=1, aligned=False
        )
        last = self.layer4(pooled)  # [n, V, 14, 14]
        return (last if masks is None else last * masks[:, None].to(last.dtype)).mean(dim=(2, 3))

    def _freeze(self, stages: int) -> None:
        parts = [[self.conv1, self.bn1], [self.layer1], [self.layer2], [self.layer3], [self.layer4]]
        for part in parts[:stages]:
            for module in part:
                module.requires_grad_(False)


def _stride_first(block: Any) -> None:
    """Move the stride of a block into its first convolution; the blocks of ResNet-18 and 34 have it there."""
    block.conv1.stride = block.stride, block.stride
    block.conv2.stride = 1, 1


def _dilate(stage: nn.Module) -> None:
    """Take the stride from a stage and give its 3 x 3 convolutions a dilation of 2."""
    for module in stage.modules():
        if isinstance(module, nn.Conv2d):
            module.stride = 1, 1
            if module.kernel_size == (3, 3):
                module.dilation = module.padding = 2, 2
