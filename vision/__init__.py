"""Images as knowledge: where their regions are. Never imports kplm; torchvision is loaded only by the parts that need it."""

from vision.boxes import geometry

__all__ = ["geometry"]
