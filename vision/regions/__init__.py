"""Where the features of regions come from: networks that look at a picture and at boxes in it."""

from vision.regions.base import RegionSource
from vision.regions.caffe import Caffe
from vision.regions.detector import Detector
from vision.regions.patches import Patches
from vision.regions.small import Small

__all__ = ["Caffe", "Detector", "Patches", "RegionSource", "Small"]
