"""One file holds all tensors of one system."""

from kplm.models.base import BaseEncoder
from kplm.models.encoder import Encoder
from kplm.models.ernie_thu import ErnieThu
from kplm.models.sembert import SemBert
from kplm.models.sensebert import SenseBert
from kplm.models.vlbert import VlBert

__all__ = ["BaseEncoder", "Encoder", "ErnieThu", "SemBert", "SenseBert", "VlBert"]
