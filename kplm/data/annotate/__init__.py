"""Knowledge sources: each adds what it knows to an example, and its fields to the batch."""

from kplm.data.annotate.base import Annotator, Knowledge
from kplm.data.annotate.entities import Entities

__all__ = ["Annotator", "Entities", "Knowledge"]
