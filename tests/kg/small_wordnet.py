"""A miniature WordNet in exactly Princeton's file format (``man wndb``), with made-up glosses, for tests.

It has all four parts of speech, most lexicographer files, adjective satellites, irregular forms, words with one and with
several supersenses, and pointers of many kinds. Byte offsets are right, and the order of senses in the index is that of
``SYNSETS``, while the data files are ordered by lexicographer file, so that the two differ as they do in the real one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Synset(NamedTuple):
    """One synset as it is written down below: by its key, such as ``goose.n``, others point to it."""

    key: str
    file: int
    words: str
    gloss: str
    pointers: str = ""


SYNSETS = (
    Synset("entity.n", 3, "entity", "whatever there is"),
    Synset("animal.n", 3, "animal animate_being beast", "a living thing that moves", "@ entity.n"),
    Synset("person.n", 3, "person individual someone", "a human being", "@ entity.n"),
    Synset("walking.n", 4, "walk", 'going on foot; "a long walk"', "+1.1 walk.v"),
    Synset("swimming.n", 4, "swim swimming", 'moving through water; "he had a good swim"', "+1.1 swim.v"),
    Synset("goose.n", 5, "goose", 'a large water bird; "the geese fly south"; "a goose hissed"', "@ animal.n"),
    Synset("fish.n", 5, "fish", "a cold-blooded animal that lives in water", "@ animal.n #m school.group"),
    Synset("mouse.n", 5, "mouse", "a small gnawing animal", "@ animal.n"),
    Synset("tiger.n", 5, "tiger Panthera_tigris", "a large striped cat", "@ animal.n"),
    Synset("mouse.device", 6, "mouse computer_mouse", "a device that moves a pointer on a screen", "@ entity.n"),
    Synset("house.n", 6, "house", "a building in which people live", "@ entity.n"),
    Synset("school.n", 6, "school schoolhouse", "a building where pupils are taught", "@ house.n"),
    Synset("axis.n", 6, "axis", "a shaft on which something turns", "@ entity.n"),
    Synset("axe.n", 6, "ax axe", "a tool for felling trees", "@ entity.n"),
    Synset("colour.n", 7, "colour color", "what light looks like", "@ entity.n"),
    Synset("hand.n", 8, "hand", "the end of the arm", "@ entity.n #p person.n"),
    Synset("theory.n", 9, "theory", 'an account of why things are so; "a theory of colour"', "@ entity.n"),
    Synset("music.n", 9, "music", "ordered sound", "@ entity.n"),
    Synset("letter.n", 10, "letter missive", "a written message", "@ entity.n"),
    Synset("storm.event", 11, "storm", "a violent burst of feeling", "@ entity.n"),
    Synset("anger.n", 12, "anger ire", "a strong feeling of displeasure", "@ entity.n"),
    Synset("goose.food", 13, "goose", "the flesh of a goose as food", "@ entity.n"),
    Synset("bread.n", 13, "bread staff_of_life", "food made of dough", "@ entity.n"),
    Synset("fish.food", 13, "fish", "the flesh of fish as food", "@ entity.n #s bread.n"),
    Synset("bank.n", 14, "bank", "an institution that lends money", "@ entity.n ;c money.n"),
    Synset("school.group", 14, "school shoal", "a large group of fish", "@ entity.n"),
    Synset("country.n", 15, "country land", "the territory of a nation", "@ entity.n"),
    Synset("France.n", 15, "France French_Republic", "a country of western Europe", "@i country.n"),
    Synset("bank.object", 17, "bank", "sloping land beside water", "@ entity.n"),
    Synset("child.n", 18, "child kid", 'a young person; "children play"', "@ person.n"),
    Synset("tiger.person", 18, "tiger", "a fierce or brave person", "@ person.n"),
    Synset("storm.n", 19, "storm violent_storm", "violent weather", "@ entity.n"),
    Synset("rose.n", 20, "rose rosebush", "a shrub with fragrant flowers", "@ entity.n"),
    Synset("money.n", 21, "money", "what things are paid with", "@ entity.n"),
    Synset("dozen.n", 23, "dozen twelve", "twelve of a kind", "@ entity.n"),
    Synset("peace.n", 26, "peace", "a state without war", "@ entity.n"),
    Synset("water.n", 27, "water H2O", "a clear liquid", "@ entity.n"),
    Synset("winter.n", 28, "winter wintertime", "the cold season", "@ entity.n"),
    Synset("breathe.v", 29, "breathe take_a_breath", 'draw air in and out; "the child breathes"'),
    Synset("grow.v", 30, "grow", "become larger"),
    Synset("freeze.v", 30, "freeze", "turn to ice"),
    Synset("think.v", 31, "think cogitate", "use the mind"),
    Synset("say.v", 32, "state say tell", "put into words"),
    Synset("write.v", 32, "write", 'say in writing; "she writes to him"', "@ say.v"),
    Synset("write.creation", 36, "write compose", 'produce a text; "he wrote three books"'),
    Synset("race.v", 33, "race run", "compete in a race"),
    Synset("eat.v", 34, "eat", 'take in food; "he is eating fish"', "* chew.v"),
    Synset("chew.v", 34, "chew masticate", "work food with the teeth"),
    Synset("hand.v", 40, "hand pass", "place into the hands of someone", "+1.1 hand.n"),
    Synset("love.v", 37, "love", "have a strong affection for"),
    Synset("move.v", 38, "move go travel", "change place"),
    Synset("walk.v", 38, "walk", "go on foot", "@ move.v"),
    Synset("swim.v", 38, "swim", "move through water", "@ move.v"),
    Synset("show.v", 39, "show", "make visible", "> see.v"),
    Synset("see.v", 39, "see", "perceive with the eyes"),
    Synset("live.v", 42, "live dwell", "be somewhere at home", "$ live.social"),
    Synset("live.social", 41, "live", "lead a life of a certain kind"),
    Synset("storm.v", 43, "storm", "blow hard, with rain or snow"),
    Synset("quick.a", 0, "quick", "done in little time", "! slow.a = speed.n"),
    Synset("speed.n", 7, "speed", "how fast something moves", "@ entity.n"),
    Synset("fast.s", 0, "fast(a) speedy", 'moving at speed; "a fast horse"', "& quick.a"),
    Synset("slow.a", 0, "slow", "taking much time"),
    Synset("good.a", 0, "good", "of the wanted quality"),
    Synset("musical.a", 1, "musical", "of music", "\\1.1 music.n"),
    Synset("frozen.a", 44, "frozen", "turned into ice", "<1.1 freeze.v"),
    Synset("quickly.r", 2, "quickly rapidly", 'with speed; "she left quickly"', "\\1.1 quick.a"),
    Synset("fast.r", 2, "fast", "quickly"),
    Synset("well.r", 2, "well good", "in a good way"),
)
"""A pointer is its symbol, for a lexical one ``source.target`` word numbers, and the key of its target."""

IRREGULAR = {
    "noun": "axes ax axis\nchildren child\ngeese goose\nmice mouse\n",
    "verb": "ate eat\nfroze freeze\nsaw see\nswam swim\nthought think\nwrote write\nwritten write\n",
    "adj": "better good well\n",
    "adv": "best well\nbetter well\n",
}

KNOWN: Mapping[str, tuple[str, ...]] = {
    "geese": ("noun.animal", "noun.food"),
    "fishes": ("noun.animal", "noun.food"),
    "mice": ("noun.animal", "noun.artifact"),
    "tiger": ("noun.animal", "noun.person"),
    "bank": ("noun.group", "noun.object"),
    "storm": ("noun.event", "noun.phenomenon", "verb.weather"),
    "wrote": ("verb.communication", "verb.creation"),
    "hands": ("noun.body", "verb.possession"),
    "walking": ("verb.motion",),
    "children": ("noun.person",),
    "france": ("noun.location",),
    "breathed": ("verb.body",),
    "theories": ("noun.cognition",),
    "better": ("adj.all", "adv.all"),
    "fast": ("adj.all", "adv.all"),
    "frozen": ("adj.ppl",),
    "musical": ("adj.pert",),
    "winter": ("noun.time",),
    "quickly": ("adv.all",),
    "nonesuch": (),
}
"""What some words may mean, worked out by hand, in the order of WordNet's lexicographer files."""

LETTERS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
FILES = tuple(LETTERS)
INVERSE = {"@": "~", "@i": "~i", "#m": "%m", "#s": "%s", "#p": "%p", ";c": "-c"}
INVERSE |= {"!": "!", "&": "&", "+": "+", "$": "$", "=": "="}
LICENCE = ("This is a made-up licence of a made-up data base, for tests.", "", "Made-up WordNet. No rights reserved.")


def write(folder: Path) -> Path:
    """Write the twelve files into ``folder``, which is made; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    pointers, offsets = _pointers(), _offsets()
    for file in FILES:
        members = [synset for synset in SYNSETS if _file(synset) == file]
        lines = [_data_line(synset, pointers[synset.key], offsets) for synset in _stored(members)]
        _save(folder / f"data.{file}", _header() + "".join(lines))
        _save(folder / f"index.{file}", _header() + "".join(_index_lines(file, members, pointers, offsets)))
        _save(folder / f"{file}.exc", IRREGULAR[file])
    return folder


def _file(synset: Synset) -> str:
    if synset.file in (0, 1, 44):
        return "adj"
    if synset.file == 2:
        return "adv"
    return "noun" if synset.file < 29 else "verb"


def _letter(synset: Synset) -> str:
    return "s" if synset.key.endswith(".s") else LETTERS[_file(synset)]


def _stored(synsets: Sequence[Synset]) -> list[Synset]:
    return sorted(synsets, key=lambda synset: synset.file)


def _pointers() -> dict[str, list[tuple[str, str, str]]]:
    """For each synset its pointers, inverse ones included: symbol, target, numbers of source and target word."""
    found: dict[str, list[tuple[str, str, str]]] = {synset.key: [] for synset in SYNSETS}
    for synset in SYNSETS:
        parts = synset.pointers.split()
        for mark, target in zip(parts[::2], parts[1::2], strict=True):
            symbol = mark.rstrip("0123456789.")
            source, _, other = (mark[len(symbol) :] or "0.0").partition(".")
            found[synset.key].append((symbol, target, f"{int(source):02x}{int(other):02x}"))
            if symbol in INVERSE:
                found[target].append((INVERSE[symbol], synset.key, f"{int(other):02x}{int(source):02x}"))
    return found


def _offsets() -> dict[str, int]:
    """The byte at which each synset's line begins; the length of a line does not depend on the offsets in it."""
    pointers, unknown = _pointers(), {synset.key: 0 for synset in SYNSETS}
    found = {}
    for file in FILES:
        place = len(_header().encode())
        for synset in _stored([synset for synset in SYNSETS if _file(synset) == file]):
            found[synset.key] = place
            place += len(_data_line(synset, pointers[synset.key], unknown).encode())
    return found


def _data_line(synset: Synset, pointers: Sequence[tuple[str, str, str]], offsets: Mapping[str, int]) -> str:
    by_key = {other.key: other for other in SYNSETS}
    words = synset.words.split()
    pointed = "".join(
        f" {symbol} {offsets[target]:08d} {LETTERS[_file(by_key[target])]} {ends}" for symbol, target, ends in pointers
    )
    frames = " 02 + 02 00 + 08 01" if _file(synset) == "verb" else ""
    listed = " ".join(f"{word} 0" for word in words)
    head = f"{offsets[synset.key]:08d} {synset.file:02d} {_letter(synset)} {len(words):02x} {listed}"
    return f"{head} {len(pointers):03d}{pointed}{frames} | {synset.gloss}  \n"


def _index_lines(
    file: str,
    synsets: Sequence[Synset],
    pointers: Mapping[str, Sequence[tuple[str, str, str]]],
    offsets: Mapping[str, int],
) -> list[str]:
    senses: dict[str, list[str]] = {}
    for synset in synsets:
        for word in synset.words.lower().split():
            senses.setdefault(word.partition("(")[0], []).append(synset.key)
    lines = []
    for lemma, keys in sorted(senses.items()):
        symbols = list(dict.fromkeys(symbol for key in keys for symbol, _, _ in pointers[key]))
        counts = " ".join([str(len(keys)), str(len(symbols)), *symbols, str(len(keys)), "0"])
        lines.append(f"{lemma} {LETTERS[file]} {counts} {' '.join(f'{offsets[key]:08d}' for key in keys)}  \n")
    return lines


def _header() -> str:
    return "".join(f"  {number} {line}  \n" for number, line in enumerate(LICENCE, 1))


def _save(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
