"""Checkpoints of the systems' authors to model folders of ours; a fine-tuned head comes along and can predict at once."""

from kplm.authors.ernie_thu import convert_ernie_thu
from kplm.authors.kbert import convert_kbert
from kplm.authors.sembert import convert_sembert
from kplm.authors.sensebert import convert_sensebert
from kplm.authors.vlbert import convert_vlbert

__all__ = ["convert_ernie_thu", "convert_kbert", "convert_sembert", "convert_sensebert", "convert_vlbert"]
