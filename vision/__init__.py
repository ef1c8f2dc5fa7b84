"""Images as knowledge: pictures, where their regions are, and the features of these.

Never imports kplm. Light to import: torchvision, Pillow and OpenCV are loaded only by the parts that need them.
"""

from vision.boxes import geometry
from vision.errors import VisionError
from vision.found import Boxes, Regions
from vision.store import RegionStore

__all__ = ["Boxes", "RegionStore", "Regions", "VisionError", "geometry"]
