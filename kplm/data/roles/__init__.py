"""Where semantic roles come from: each source takes the words of sentences and gives their predicates."""

from kplm.data.roles.base import Predicate, RoleSource, Words
from kplm.data.roles.files import Files
from kplm.data.roles.kept import Kept
from kplm.data.roles.rules import Rules

__all__ = ["Files", "Kept", "Predicate", "RoleSource", "Rules", "Words"]
