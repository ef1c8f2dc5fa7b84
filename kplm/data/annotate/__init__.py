"""Knowledge sources: each adds what it knows to an example, and its fields to the batch."""

from kplm.data.annotate.base import Annotator
from kplm.data.annotate.entities import Entities
from kplm.data.annotate.indicator import Indicator
from kplm.data.annotate.regions import Regions
from kplm.data.annotate.roles import AuthorsRoles, Roles
from kplm.data.annotate.tree import Tree
from kplm.data.annotate.words_apart import WordsApart

__all__ = ["Annotator", "AuthorsRoles", "Entities", "Indicator", "Regions", "Roles", "Tree", "WordsApart"]
