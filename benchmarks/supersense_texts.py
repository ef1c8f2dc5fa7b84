"""What lightning_configs/sensebert/pretrain.yaml learns from: the running text of SemCor, and WordNet's definitions and examples.

    kplm kg wordnet WORDNET
    python benchmarks/supersense_texts.py DATA/supersense/semcor_train.jsonl.gz WORDNET/glosses.txt OUT

writes OUT/train and OUT/valid, text for ``kplm prepare``: a sentence or a definition a line, a blank line between documents. Labels are
not used. Every 40th document is held out: of SemCor whole articles, of WordNet a synset with its examples.
"""

from __future__ import annotations

import argparse
import gzip
import json
from itertools import groupby
from pathlib import Path

HELD_OUT = 40
QUOTES = str.maketrans({"`": '"'})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("semcor", type=Path, help="JSON lines with id and words, the id as FOLDER/ARTICLE/SENTENCE")
    parser.add_argument("glosses", type=Path, help="glosses.txt of `kplm kg wordnet`")
    parser.add_argument("out", type=Path, help="folder to make")
    args = parser.parse_args()
    sources = {
        "semcor": articles(args.semcor),
        "glosses": args.glosses.read_text(encoding="utf-8").strip().split("\n\n"),
    }
    for name, documents in sources.items():
        for split in ("train", "valid"):
            chosen = [one for i, one in enumerate(documents) if (i % HELD_OUT == 0) == (split == "valid")]
            folder = args.out / split
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.txt").write_text("\n\n".join(chosen) + "\n", encoding="utf-8")
            print(f"{split}: {len(chosen):,} documents, {sum(len(one.split()) for one in chosen):,} words of {name}")


def articles(path: Path) -> list[str]:
    """Each article of SemCor, a sentence a line."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    told = groupby(rows, key=lambda row: row["id"].rsplit("/", 1)[0])
    return ["\n".join(sentence(row["words"]) for row in group) for _, group in told]


def sentence(words: list[str]) -> str:
    """Words joined by blanks; the quotation marks of treebanks become usual ones."""
    return " ".join(words).translate(QUOTES).replace('""', '"').replace("''", '"')


if __name__ == "__main__":
    main()
