"""Answers as VQA's evaluation compares them, and what they score.

The form is that of the evaluation code published with the data set (Antol et al., 2015, VQA: Visual Question Answering;
visualqa.org/evaluation): punctuation goes, numbers up to ten become digits, articles go, contractions get their apostrophe.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

PEOPLE = 3
"""So many others must have given an answer for it to be wholly right."""
NUMBERS = ("none", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DIGITS = {word: str(max(0, place - 1)) for place, word in enumerate(NUMBERS)}
ARTICLES = {"a", "an", "the"}
CONTRACTIONS = (
    "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've he's "
    "how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't mightn't've must've mustn't needn't not've o'clock "
    "oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd "
    "someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've there're there's "
    "they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's where'd "
    "where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't wouldn't've y'all "
    "y'all'd've y'all'll you'd you'd've you'll you're you've"
)
WITHOUT = {
    word[:at] + word[at + 1 :]: word for word in CONTRACTIONS.split() for at, sign in enumerate(word) if sign == "'"
} | {"somebody'd": "somebodyd"}
"""Contractions by how they are written without one of their apostrophes; the last one is as it was published."""
SIGNS = ';/[]"{}()=+\\_-><@`,?!'
BETWEEN_DIGITS = re.compile(r"\d,\d")
FULL_STOP = re.compile(r"\.(?!\d)")


@lru_cache(maxsize=1 << 16)
def normalised(answer: str) -> str:
    """An answer in the form in which answers are compared.

    >>> normalised("Two."), normalised("the red bus"), normalised("dont know"), normalised("1,000")
    ('2', 'red bus', "don't know", '1000')
    """
    text = given = answer.replace("\n", " ").replace("\t", " ").strip()
    glued = BETWEEN_DIGITS.search(given) is not None
    for sign in SIGNS:
        loose = f"{sign} " in given or f" {sign}" in given
        text = text.replace(sign, "" if loose or glued else " ")
    words = (DIGITS.get(word, word) for word in FULL_STOP.sub("", text).lower().split())
    return " ".join(WITHOUT.get(word, word) for word in words if word not in ARTICLES)


def soft_scores(answers: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """What each answer scores: the mean over all choices of nine of the ten people of min(1, how many gave it / 3).

    An answer that 1, 2, 3 or more than 3 of ten gave scores 0.3, 0.6, 0.9 or 1.

    Args:
        answers: what each person said, in any form.
    """
    counts, people = Counter(map(normalised, answers)), len(answers)
    return tuple((answer, _left_out(count, people)) for answer, count in counts.items())


def _left_out(count: int, people: int) -> float:
    """One of those who gave the answer is left out ``count`` times, one of the others the remaining times."""
    own, others = min(1.0, (count - 1) / PEOPLE), min(1.0, count / PEOPLE)
    return round((count * own + (people - count) * others) / people, 6)
