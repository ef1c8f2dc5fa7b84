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
