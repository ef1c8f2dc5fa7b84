"""The ``kplm score`` commands: what predictions are worth, and the files that servers of data sets take."""

from __future__ import annotations


def vcr(answers: str, rationales: str, gold: str) -> None:
    """Count predictions for both tasks of VCR: Q->A, QA->R, and Q->AR, where both must be right.

    Args:
        answers: what ``kplm predict`` wrote for Q->A.
        rationales: the same for QA->R.
        gold: VCR's file with the labels, such as val.jsonl.
    """
    from kplm.data.sources.vcr_scores import vcr_accuracy

    for name, share in vcr_accuracy(gold, answers, rationales).items():
        print(f"{name:6} {100 * share:6.2f}")


def vcr_leaderboard(answers: str, rationales: str, target: str) -> None:
    """Write the table that VCR's test server takes: four answers, and the reasons given each of them.

    Args:
        answers: what ``kplm predict`` wrote for Q->A of VCR's test file.
        rationales: the same for QA->R, which has sixteen rows a question there.
        target: CSV file to write; it appears only when it is whole.
    """
    from kplm.data.sources.vcr_scores import vcr_table

    print(f"wrote {vcr_table(answers, rationales, target):,} questions to {target}")


def vqa_leaderboard(predictions: str, target: str) -> None:
    """Write the answers to VQA's questions as its test server takes them.

    Args:
        predictions: JSON lines that ``kplm predict`` wrote.
        target: JSON file to write; it appears only when it is whole.
    """
    from kplm.data.sources.vqa import leaderboard

    print(f"wrote {leaderboard(predictions, target):,} answers to {target}")


def supersenses(
    predictions: str,
    gold: str,
    train: str | None = None,
    wordnet: str | None = None,
    expressions: bool = True,
    proper_nouns: bool = True,
) -> None:
    """Accuracy of predicted supersenses in percent, beside WordNet's first sense and the most frequent sense of a corpus.

    Args:
        predictions: JSON lines that ``kplm predict`` wrote, with ``data.predict_source`` set to the reader of ``gold``.
        gold: JSON lines (.jsonl or .jsonl.gz) of kplm.data.sources.SupersenseJson, or the .data.xml of Raganato et al. (2017).
        train: a corpus in one of these forms whose most frequent supersense of each lemma is scored too; WordNet's first sense
            stands in for lemmas it lacks.
        wordnet: WordNet's folder; by default it is looked for.
        expressions: count expressions of several words.
        proper_nouns: count proper names that have gold.
    """
    from kplm.data.sources.supersense_scores import supersense_accuracy

    table = supersense_accuracy(gold, predictions, train, wordnet, expressions, proper_nouns)
    print(f"{'':12} {'words':>7}" + "".join(f" {who:>14}" for who in table[0].right))
    for line in table:
        print(f"{line.part:12} {line.items:7,}" + "".join(f" {100 * share:14.2f}" for share in line.right.values()))
