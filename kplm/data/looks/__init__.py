"""Where the looks of a picture's regions come from: a store, a file a picture, or its pixels."""

from kplm.data.looks.base import Looks, Seen
from kplm.data.looks.files import FeatureFiles
from kplm.data.looks.pixels import Pixels
from kplm.data.looks.stored import StoredRegions

__all__ = ["FeatureFiles", "Looks", "Pixels", "Seen", "StoredRegions"]
