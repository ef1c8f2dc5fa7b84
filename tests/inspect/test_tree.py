"""``kplm inspect tree``: what is shown is what the encoder reads."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kg.facts import Selection
from kplm.cli import main
from kplm.data.annotate import Tree
from kplm.data.encode import TextEncoder
from kplm.data.example import Example
from kplm.errors import KplmError
from kplm.inspect import terminal
from kplm.inspect.shape import HANGS, HIDDEN, INSIDE, TRUNK, Shape, columns
from kplm.inspect.tree import grown
from kplm.text import Tokenizer

SPO = "Rome\tlives in\tItaly\nRome\tis\tbig\nRome\tis\told\nNew Paris\tis\tpoor\n北京\t义原\t城市\n"
TREE = """\
[CLS]  the  Rome
0      1    2
            ├ lives  in  Italy
            │ 3      4   5-9
            └ is   big
              3-4  5-7
was  fine  [SEP]
3    4     5

18 tokens, 12 of them in 2 branches; largest soft position 9; 41.4% of the pairs are visible"""


@pytest.fixture
def graph(tmp_path: Path) -> str:
    path = tmp_path / "facts.spo"
    path.write_text(SPO, encoding="utf-8")
    return str(path)


def shape(text: str, graph: str, tokenizer: Tokenizer, length: int = 64, pair: str | None = None, **how: Any) -> Shape:
    match = how.pop("match", "words")
    return grown(Example(text, pair), Tree(graph, match, Selection(**how)), tokenizer, length)


def test_the_terminal_shows_words_over_positions_and_branches_under_their_mention(
    graph: str, tokenizer: Tokenizer
) -> None:
    found = shape("the Rome was fine", graph, tokenizer)
    assert "\n".join(terminal.lines(found, 80)) == TREE


def test_it_shows_the_very_row_that_the_encoder_makes(graph: str, tokenizer: Tokenizer) -> None:
    choose = random.Random(0)
    for _ in range(40):
        text, pair = (
            " ".join(choose.choices(("Rome", "New Paris", "was", "river", "北京", "Ω"), k=5)) for _ in range(2)
        )
        example = Example(text, choose.choice((pair, None)))
        annotator, length = Tree(graph, "longest"), choose.randint(5, 60)
        found = grown(example, annotator, tokenizer, length)
        [row] = TextEncoder(tokenizer, [annotator], max_length=length)([example])
        shown = [position for word in found.words for position in range(word.first, word.first + len(word.tokens))]
        assert shown == row["position_ids"].tolist()
        assert [i for word in found.words for i in word.tokens] == list(range(len(shown)))
        assert (found.branch == row["branch"]).all()
        assert len(found.labels) == len(shown)


def test_a_mention_of_several_words_is_one_word_with_several_positions(graph: str, tokenizer: Tokenizer) -> None:
    [mention] = [word for word in shape("in New Paris", graph, tokenizer).trunk if word.mention]
    assert (mention.text, mention.positions) == ("New Paris", "2-5")


def test_nothing_is_shown_as_unknown(graph: str, tokenizer: Tokenizer) -> None:
    found = shape("北京 Ω", graph, tokenizer, match="longest")
    assert [word.text for word in found.words] == ["[CLS]", "北京", "义", "原", "城", "市", "Ω", "[SEP]"]
    assert "[UNK]" not in found.labels


def test_branches_of_equal_ids_keep_their_own_text(tmp_path: Path, tokenizer: Tokenizer) -> None:
    path = tmp_path / "unknown.spo"
    path.write_text("rome\tis\tΩ\nrome\tis\tΨ\n", encoding="utf-8")
    found = shape("rome", str(path), tokenizer, words="{tail}")
    assert [word.text for word in found.words] == ["[CLS]", "rome", "Ω", "Ψ", "[SEP]"]


def test_the_reasons_cover_exactly_what_is_visible(graph: str, tokenizer: Tokenizer) -> None:
    found = shape("Rome", graph, tokenizer)
    assert ((found.reasons != HIDDEN) == found.visible).all()
    branch, trunk = np.flatnonzero(found.branch == 1), np.flatnonzero(found.branch == 0)
    assert (found.reasons[np.ix_(branch, branch)] == INSIDE).all()
    assert (found.reasons[np.ix_(trunk, trunk)] == TRUNK).all()
    assert (found.reasons[branch, trunk[1]] == HANGS).all(), "its mention"
    assert (found.reasons[branch, trunk[0]] == HIDDEN).all(), "[CLS]"


def test_a_pair_grows_in_both_texts(graph: str, tokenizer: Tokenizer) -> None:
    found = shape("Rome", graph, tokenizer, pair="of Rome", most=1)
    assert [len(found.hanging(word)) for word in found.trunk] == [0, 1, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("length", "notes"),
    [
        (5, ["max_length=5 cut 2 tokens of the text off.", "max_length=5 has no room for 2 branches."]),
        (14, ["max_length=14 has no room for 1 branch."]),
        (64, []),
    ],
)
def test_what_does_not_fit_is_counted(graph: str, tokenizer: Tokenizer, length: int, notes: list[str]) -> None:
    found = shape("Rome was in the river", graph, tokenizer, length)
    assert len(found.labels) <= length
    assert list(found.notes) == notes


def test_a_text_without_a_known_name_is_told_some_names(graph: str, tokenizer: Tokenizer) -> None:
    found = shape("the river", graph, tokenizer)
    assert found.visible.all()
    assert list(found.notes) == [f"No name of {graph} is in the text. Some it knows: Rome, New Paris, 北京."]


def test_a_name_that_may_not_grow_is_told_apart_from_no_name(graph: str, tokenizer: Tokenizer) -> None:
    [note] = shape("of Rome", graph, tokenizer, most=0).notes
    assert note.startswith("Rome: in the graph, but no triple")
    [note] = shape("of Rome", graph, tokenizer, relations=["义原"]).notes
    assert note.endswith("is in the text. Some it knows: 北京."), (
        "names are looked for where these relations tell something"
    )


@pytest.mark.parametrize(("text", "pair"), [("", None), (" \n", None), ("rome", "")])
def test_an_empty_text_is_refused(graph: str, tokenizer: Tokenizer, text: str, pair: str | None) -> None:
    with pytest.raises(KplmError, match="is empty"):
        shape(text, graph, tokenizer, pair=pair)


@pytest.mark.parametrize(("pair", "least"), [(None, 3), ("paris", 5)])
def test_a_row_without_room_for_a_word_is_refused(
    graph: str, tokenizer: Tokenizer, pair: str | None, least: int
) -> None:
    with pytest.raises(KplmError, match=f"give at least {least}"):
        shape("rome", graph, tokenizer, length=least - 1, pair=pair)
    assert len(shape("rome", graph, tokenizer, length=least, pair=pair).labels) == least


def test_wide_characters_and_marks_are_measured_as_a_terminal_shows_them() -> None:
    assert [columns(text) for text in ("rome", "北京", "e\u0301", "Ω")] == [4, 4, 1, 1]


def test_long_trunks_and_branches_go_on_in_the_next_line(graph: str, tokenizer: Tokenizer) -> None:
    found = shape("the river in the river of Rome 北京 of the river", graph, tokenizer, match="longest")
    lines = list(terminal.lines(found, 24))
    assert max(map(columns, lines[: lines.index("")])) <= 24


def test_an_escape_in_a_text_does_not_reach_the_terminal(graph: str, tokenizer: Tokenizer) -> None:
    found = shape("Ω\x1b[31mΩ", graph, tokenizer)
    assert "\x1b" not in "".join(terminal.lines(found, 80))
    assert "\x1b[0m" in "".join(terminal.lines(found, 80, colours=True))


def command(graph: str, tiny_bert: Path, *more: str) -> list[str]:
    return ["inspect", "tree", "Rome <b> $x$", "--graph", graph, "--tokenizer", str(tiny_bert), *more]


def test_the_command_prints_and_writes(
    graph: str, tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    from PIL import Image

    for name in ("new/tree.png", "new/tree.HTML"):
        assert main(command(graph, tiny_bert, "--out", str(tmp_path / name))) == 0
        out = capsys.readouterr().out
        assert "└ is" in out
        assert out.endswith(f"wrote {tmp_path / name}\n")
    with Image.open(io.BytesIO((tmp_path / "new/tree.png").read_bytes())) as image:
        assert image.width > image.height / 2 > 100
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["tree.HTML", "tree.png"]


@pytest.mark.parametrize(
    ("out", "error"),
    [
        ("tree.svg", "give FILE.png or FILE.html"),
        ("tree", "give FILE.png or FILE.html"),
        ("facts.spo/x.html", "Cannot write"),
    ],
)
def test_a_file_that_cannot_be_written_is_an_error(
    graph: str, tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture, out: str, error: str
) -> None:
    before = sorted(tmp_path.iterdir())
    assert main(command(graph, tiny_bert, "--out", str(tmp_path / out))) == 1
    assert error in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_graph_that_is_not_there_is_an_error(tiny_bert: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(command("nowhere.spo", tiny_bert)) == 1
    assert "There is no file or folder" in capsys.readouterr().err


def test_characters_need_a_vocabulary_and_take_it_from_a_folder_too(
    graph: str, tiny_bert: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["inspect", "tree", "北京", "--graph", graph, "--characters", "true"]) == 1
    assert "characters needs a vocab.txt" in capsys.readouterr().err
    assert main(command(graph, tiny_bert, "--characters", "true", "--match", "longest")) == 0
    assert "Rome" in capsys.readouterr().out


def test_without_the_packaged_model_a_tokenizer_must_be_given(
    graph: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("kplm.inspect.tree.PACKAGE", "no_such_package_here")
    assert main(["inspect", "tree", "Rome", "--graph", graph]) == 1
    assert "give --tokenizer" in capsys.readouterr().err
