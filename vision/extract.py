"""Pictures to regions: boxes are found, a network looks at them, and a block of pictures becomes a file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kg.blocks.part import Block
from kg.blocks.threads import limit_threads
from vision.blocks import Summary, write_block
from vision.errors import VisionError
from vision.found import Boxes, Regions, whole_box
from vision.pictures import opened
from vision.sources import box_source, region_source
from vision.work import Pictures, Settings, stamped

SEED = 0


class Extractor:
    """Turns pictures into regions; builds its networks once.

    Args:
        settings: what to do.
        device: cpu, cuda, cuda:1, ...
        batch_size: pictures that go through the network together; only those of the same size do, so that what is
            found in a picture does not depend on others.
    """

    def __init__(self, settings: Settings, device: str = "cpu", batch_size: int = 8) -> None:
        torch.manual_seed(SEED)  # random weights are the same in every process
        self.device, self._batch_size = torch.device(device), batch_size
        self.source = region_source(settings.regions, settings.weights).to(self.device).eval()
        self.boxes = box_source(settings.boxes, settings.box_weights)
        if isinstance(self.boxes, torch.nn.Module):
            self.boxes.to(self.device)

    def __call__(self, pictures: Pictures) -> tuple[list[tuple[str, Regions]], list[tuple[str, str]]]:
        """The regions of pictures.

        Args:
            pictures: id and address of each.

        Returns: id and regions of those that could be read, the whole picture first, and id and fault of the others.
        """
        found: dict[str, Regions] = {}
        bad: list[tuple[str, str]] = []
        for batch in self._batches(pictures, bad):
            found |= zip((name for name, *_ in batch), self._look(batch))
        return [(name, found[name]) for name, _ in pictures if name in found], bad

    def _batches(self, pictures: Pictures, bad: list[tuple[str, str]]) -> Iterator[list[Prepared]]:
        """Prepared pictures of the same size, as many at a time as fit a batch."""
        held: dict[torch.Size, list[Prepared]] = {}
        for name, address in pictures:
            try:
                image = opened(address)
                boxes = self.boxes(name, image)
            except VisionError as error:
                bad.append((name, str(error)))
                continue
            values, size = self.source.prepare(image)
            same = held.setdefault(values.shape, [])
            same.append((name, values, size, image.size, boxes))
            if len(same) == self._batch_size:
                yield held.pop(values.shape)
        yield from held.values()

    @torch.inference_mode()
    def _look(self, batch: list[Prepared]) -> Iterator[Regions]:
        boxes = [np.concatenate([whole_box(original)[None], found.corners]) for *_, original, found in batch]
        longest = max(map(len, boxes))
        padded = torch.from_numpy(np.stack([np.pad(one, ((0, longest - len(one)), (0, 0))) for one in boxes]))
        mask = torch.arange(longest) < torch.tensor([len(one) for one in boxes])[:, None]
        pictures, sizes = torch.stack([one[1] for one in batch]), torch.stack([one[2] for one in batch])
        features = self.source(*(part.to(self.device) for part in (pictures, padded, mask, sizes)))
        scores = self.source.class_scores(features)
        for row, (corners, (*_, original, found)) in enumerate(zip(boxes, batch)):
            own = features[row, : len(corners)].float().cpu().numpy()
            yield Regions(corners, own, _classes(found, None if scores is None else scores[row]), original)


Prepared = tuple[str, Tensor, Tensor, tuple[int, int], Boxes]
"""Id, pixels, their size, the size of the picture, its boxes."""


def _classes(found: Boxes, scores: Tensor | None) -> np.ndarray | None:
    """Those that came with the boxes, else those of the source; zeros for the whole picture, which comes first."""
    classes = found.classes
    if classes is None and scores is not None:
        classes = scores[1 : len(found) + 1].float().cpu().numpy()
    return None if classes is None else np.concatenate([np.zeros_like(classes, shape=(1, classes.shape[1])), classes])


@dataclass(frozen=True)
class Extracting:
    """Opens the networks, once in each process."""

    folder: Path
    settings: Settings
    device: str
    batch_size: int

    def __call__(self, turn: int) -> Callable[[Block[Pictures]], Summary]:
        """A function that makes, writes and sums up one block; several processes take the devices in turn."""
        if turn:  # one process tells that weights are random
            logging.getLogger("vision").setLevel(logging.ERROR)
        limit_threads(self.settings.threads)
        device = f"cuda:{turn % torch.cuda.device_count()}" if self.device == "cuda" else self.device
        extractor, dtype = Extractor(self.settings, device, self.batch_size), self.settings.dtype

        def make(block: Block[Pictures]) -> Summary:
            found, bad = extractor(block.content)
            with stamped(self.folder, block):
                return write_block(self.folder, block.number, found, bad, dtype, extractor.source.width)

        return make
