"""WordNet's morphology: from an inflected form to the lemmas it may come from (``man morphy``)."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

RULES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "noun": (
        ("s", ""),
        ("ses", "s"),
        ("ves", "f"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("men", "man"),
        ("ies", "y"),
    ),
    "verb": (("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
    "adj": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "adv": (),
}
"""Endings and what stands in their place, by part of speech. All are Princeton's but ves -> f, which NLTK adds."""


def base_forms(form: str, pos: str, known: Container[str], irregular: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The known lemmas that a form may be of: the form itself first, then its base forms.

    Where the exceptions list has the form, that is all there is; else each ending is detached once. This is what NLTK's
    ``synsets`` looks up.

    Args:
        form: a word in small letters, ``_`` between the words of a collocation.
        pos: noun, verb, adj or adv.
        known: the lemmas of this part of speech.
        irregular: the exceptions list of this part of speech.
    """
    bases = irregular[form] if form in irregular else _detached(form, pos)
    return tuple(base for base in dict.fromkeys((form, *bases)) if base in known)


def _detached(form: str, pos: str) -> Iterator[str]:
    for ending, instead in RULES[pos]:
        if form.endswith(ending):
            yield form[: len(form) - len(ending)] + instead
