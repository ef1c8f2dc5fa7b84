"""Fine-tuning heads: from states to answers, with their loss, their metrics and how they are read."""

from kplm.heads.answer import Answer
from kplm.heads.base import Head
from kplm.heads.choose import Choose
from kplm.heads.classify import Classify
from kplm.heads.entity_type import EntityType
from kplm.heads.extract import Extract
from kplm.heads.grounded_choice import GroundedChoice
from kplm.heads.multiple_choice import MultipleChoice
from kplm.heads.regress import Regress
from kplm.heads.relation import Relation
from kplm.heads.tag import Tag
from kplm.heads.tag_injected import TagInjected
from kplm.heads.tag_roles import TagRoles
from kplm.heads.tag_senses import TagSenses

__all__ = [
    "Answer",
    "Choose",
    "Classify",
    "EntityType",
    "Extract",
    "GroundedChoice",
    "Head",
    "MultipleChoice",
    "Regress",
    "Relation",
    "Tag",
    "TagInjected",
    "TagRoles",
    "TagSenses",
]
