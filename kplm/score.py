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


def squad(predictions: str, gold: str) -> None:
    """Score answers as SQuAD's evaluation does: exact match and F1, of questions with an answer and without, in percent.

    Where a model may give no answer, it is also told which threshold would have given the best F1.

    Args:
        predictions: JSON lines that ``kplm predict`` wrote, with ``reader`` or ``data.predict_source`` kplm.data.sources.Squad; or
            a .json file that maps the id of a question to its answer.
        gold: the .json file of SQuAD with the right answers.
    """
    from kplm.data.sources.squad_scores import best_threshold, read_predictions, squad_scores

    found = read_predictions(predictions)
    print(f"{'':15} {'questions':>9} {'exact':>7} {'F1':>7}")
    for line in squad_scores(gold, found):
        print(f"{line.part:15} {line.questions:9,} {100 * line.exact:7.2f} {100 * line.f1:7.2f}")
    best = best_threshold(gold, found)
    if best is not None:
        print(f"with model.head.init_args.threshold={best.threshold:.4f} F1 would be {100 * best.f1:.2f}")


def squad_leaderboard(predictions: str, target: str) -> None:
    """Write the answers to SQuAD's questions as its official evaluation takes them.

    Args:
        predictions: JSON lines that ``kplm predict`` wrote.
        target: JSON file to write, which maps the id of a question to its answer; it appears only when it is whole.
    """
    from kplm.data.sources.squad_scores import leaderboard

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


def srl(found: str, gold: str) -> None:
    """Precision, recall and F1 of predicted semantic roles in percent: predicates, and exact argument spans with their labels.

    Arguments are counted end to end (those of a missed predicate are missed), and in the last column over the predicates alone
    that are right.

    Args:
        found: what kplm predict wrote for the sentences of ``gold``: with --reader kplm.data.sources.Srl --reader.rows sentences.
        gold: JSON lines with words and predicates, or CoNLL-2012 columns.
    """
    from kplm.data.sources.srl_scores import role_scores

    scores = role_scores(found, gold)
    print(
        f"{scores.sentences:,} sentences"
        f"\n{'':12}{'gold':>8}{'found':>8}{'P':>8}{'R':>8}{'F1':>8}{'F1 given predicate':>20}"
    )
    shares: list[float | None] = [None, *(one.f1 for one in scores.given)]
    for line, share in zip([scores.predicates, *scores.arguments], shares):
        numbers = "".join(f"{100 * value:8.2f}" for value in (line.precision, line.recall, line.f1))
        print(
            f"{line.part:12}{line.gold:8,}{line.found:8,}{numbers}" + ("" if share is None else f"{100 * share:20.2f}")
        )
