"""What kind of clause a verb makes: its voice, and the subject that it has or shares."""

from __future__ import annotations

from kplm.data.roles.lexicon import MODAL_LIKE, UNDERGOING
from kplm.data.roles.tree import Tree

REDUCED = {"acl", "advcl", "relcl", "xcomp", "ccomp", "oprd", "amod"}
"""Where a participle without auxiliaries is one of the passive."""
SHARING = {"xcomp", "conj", "advcl"}
"""What has the subject of its head where it has none."""


def modal(tree: Tree, verb: int) -> bool:
    """Whether it stands for a modal before an infinitive, which has all arguments: be going to, have to, used to."""
    clause = tree.find(verb, "xcomp")
    if clause is None or clause < verb or tree.lemmas[verb] not in MODAL_LIKE:
        return False
    return any(tree.tags[child] == "TO" for child in tree.children[clause])


def passive(tree: Tree, verb: int) -> bool:
    """Whether the subject is what the verb acts on; a participle behind another follows it."""
    while tree.tags[verb] in {"VBN", "VBD"}:
        if tree.find(verb, "auxpass", "nsubjpass", "csubjpass", "agent") is not None:
            return True
        if tree.tags[verb] == "VBD" or tree.find(verb, "aux", "nsubj", "csubj") is not None:
            return False
        if tree.labels[verb] != "conj":
            return tree.labels[verb] in REDUCED
        verb = tree.heads[verb]
    return False


def subject_role(tree: Tree, verb: int) -> str:
    """ARG0, or ARG1 where the subject undergoes the event."""
    undergoing = tree.lemmas[verb] in UNDERGOING and tree.find(verb, "dobj") is None
    return "ARG1" if undergoing or passive(tree, verb) else "ARG0"


def subject(tree: Tree, verb: int) -> int | None:
    """The subject of a verb, or of the verb that it shares its subject with, or the object that controls it."""
    while True:
        own, head = tree.subject(verb), tree.heads[verb]
        if own is not None or tree.labels[verb] not in SHARING:
            return own
        if tree.labels[head] == "acomp":
            head = tree.heads[head]
        thing = tree.find(head, "dobj", "dative")
        if tree.labels[verb] == "xcomp" and thing is not None and head < thing < verb:
            return thing
        if tree.tags[head][:1] not in {"V", "M"}:
            return None
        verb = head


def extraposed(tree: Tree, verb: int) -> int | None:
    """The clause that an empty subject stands for: "it is good TO SEE YOU"."""
    own, state = tree.subject(verb), tree.find(verb, "acomp", "attr")
    if own is None or state is None or tree.words[own].lower() != "it":
        return None
    clauses = (tree.find(state, "xcomp", "ccomp"), tree.find(verb, "xcomp", "ccomp"))
    return next((clause for clause in clauses if clause is not None and clause > verb), None)
