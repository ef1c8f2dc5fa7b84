"""Anchors are counted, written and read back, and become priors of a linker; bad lines are named."""

import errno
import json
from collections import Counter

import pytest

from kg import KgError, Linker
from kg.aliases import Alias
from kg.anchors import count_anchors, read_anchors, with_names, write_anchors
from kg.lines import BadLines
from kg.linking_commands import anchors, index, link

LINKED = [
    {"text": "Paris met Helen.", "links": [[0, 5, "paris_of_troy", 0.9], [10, 15, "helen"]]},
    *[{"text": "In Paris it rains.", "links": [[3, 8, "paris"]]}] * 3,
    {"text": "No link at all."},
    {"text": "New \t York\nand Paris", "links": [[0, 10, "new_york"], [15, 20, "paris"]]},
]


@pytest.fixture
def linked(tmp_path):
    path = tmp_path / "linked.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in LINKED))
    return path


@pytest.fixture
def counted(linked, tmp_path):
    write_anchors(count_anchors(linked, BadLines(0)), tmp_path / "anchors.tsv")
    return tmp_path / "anchors.tsv"


def test_pairs_are_counted_and_written_sorted(counted):
    lines = [
        "alias\tentity\tcount",
        "Helen\thelen\t1",
        "New York\tnew_york\t1",
        "Paris\tparis\t4",
        "Paris\tparis_of_troy\t1",
    ]
    assert counted.read_text().splitlines() == lines


def test_counts_come_back_as_weights(counted):
    assert list(read_anchors(counted, BadLines(0), 2)) == [Alias("paris", "Paris", 4.0)]
    assert sum(alias.weight for alias in read_anchors(counted, BadLines(0))) == 7


def test_a_pair_that_is_rarer_than_asked_for_is_left_out(linked, tmp_path):
    counts = count_anchors(linked, BadLines(0))
    assert write_anchors(counts, tmp_path / "few.tsv", min_count=4) == 1
    with pytest.raises(KgError, match="No link is there 5 times, of 4 different ones"):
        write_anchors(counts, tmp_path / "none.tsv", min_count=5)
    assert not (tmp_path / "none.tsv").exists()


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[1]",
        '"text"',
        '{"links": []}',
        '{"text": ["a"], "links": [[0, 1, "x"]]}',
        '{"text": "Paris", "links": null}',
        '{"text": "Paris", "links": [[0, 6, "x"]]}',
        '{"text": "Paris", "links": [[-5, 5, "x"]]}',
        '{"text": "Paris", "links": [[3, 3, "x"]]}',
        '{"text": "Paris", "links": [[0.0, 5, "x"]]}',
        '{"text": "Paris", "links": [[0, 5]]}',
        '{"text": "Paris", "links": [[0, 5, ""]]}',
        '{"text": "Paris", "links": [[0, 5, 90]]}',
        '{"text": "Paris", "links": [[0, 5, "a\\tb"]]}',
        '{"text": "Paris", "links": [{"start": 0}]}',
        '{"text": "Paris  ", "links": [[0, 5, "x"], [5, 7, "y"]]}',
        '{"text": "\\ud800", "links": [[0, 1, "x"]]}',
    ],
)
def test_a_bad_line_is_passed_over_whole(tmp_path, line):
    path = tmp_path / "linked.jsonl"
    path.write_text(json.dumps(LINKED[1]) + "\n" + line + "\n")
    assert count_anchors(path, BadLines(1)) == Counter({"Paris\tparis": 1})
    with pytest.raises(KgError, match=r'linked\.jsonl:2: got .*expected "text" and "links"'):
        count_anchors(path, BadLines(0))


@pytest.mark.parametrize("line", ["Paris\tparis\tmany", "Paris\tparis", "Paris\tparis\t0", "\tparis\t1", "Paris\t\t1"])
@pytest.mark.parametrize("other", ["Paris\tparis\tnan", "a\tb\tc\t1", "Paris\tparis\tinf"])
def test_a_bad_count_is_passed_over(tmp_path, line, other):
    path = tmp_path / "anchors.tsv"
    path.write_text(f"{line}\nHelen\thelen\t2\n{other}\n")
    assert list(read_anchors(path, BadLines(2))) == [Alias("helen", "Helen", 2.0)]
    with pytest.raises(KgError, match=r"anchors\.tsv:1: got .*expected alias, entity and a count above 0"):
        list(read_anchors(path, BadLines(0)))


def test_a_full_disk_is_named(tmp_path):
    class Full(Counter):
        def __getitem__(self, pair):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(KgError, match="No space left on device. Make room"):
        write_anchors(Full({"a\tb": 1}), tmp_path / "anchors.tsv")
    assert list(tmp_path.iterdir()) == []


def test_every_name_of_a_graph_counts_as_one_anchor():
    names = [Alias("paris", "Paris", 90.0), Alias("paris_texas", "Paris", 7.0)]
    linker = Linker(with_names([Alias("paris", "Paris", 3.0)], names))
    [link] = linker.link("Paris")
    assert (link.entity, link.score) == ("paris", 0.75)


def test_from_linked_text_to_links(linked, tmp_path, capsys):
    """The three commands, one after another."""
    anchors(str(linked), str(tmp_path / "anchors.tsv"))
    assert json.loads(capsys.readouterr().out) == {
        "out": str(tmp_path / "anchors.tsv"),
        "links": 7,
        "pairs": 4,
        "bad_lines": 0,
    }
    index(str(tmp_path / "linker"), anchors=str(tmp_path / "anchors.tsv"))
    told = json.loads(capsys.readouterr().out)
    assert (told["names"], told["bad_lines"]) == (3, 0)
    assert told["bytes"] == sum(file.stat().st_size for file in (tmp_path / "linker").iterdir())
    (tmp_path / "texts.jsonl").write_text('{"text": "From Paris to New York"}\n')
    link(str(tmp_path / "texts.jsonl"), str(tmp_path / "out.jsonl"), graph=str(tmp_path / "linker"))
    assert json.loads((tmp_path / "out.jsonl").read_text())["links"] == [
        [5, 10, "paris", 0.8],
        [14, 22, "new_york", 1.0],
    ]


def test_an_index_of_graph_names_and_anchors(counted, tmp_path, capsys):
    (tmp_path / "triples.tsv").write_text("paris\tcapital_of\tfrance\nparis_of_troy\tloves\thelen\n")
    names = tmp_path / "names.tsv"
    names.write_text("id\tlabel\tprior\nfrance\tFrance\t1\nparis\tParis\t1\nparis_of_troy\tParis\t3\n")
    places = {"graph": str(tmp_path / "triples.tsv"), "names": str(names)}
    index(str(tmp_path / "all"), **places, anchors=str(counted), case="uncased", threshold=0.1)
    linker = Linker.open(tmp_path / "all")
    assert (linker.rules.case, linker.rules.threshold) == ("uncased", 0.1)
    assert [link.entity for link in linker.link("paris, france")] == ["paris", "france"]
    assert [link.entity for link in linker.link("helen and paris")] == ["helen", "paris_of_troy"]
    index(str(tmp_path / "graph_only"), **places)
    assert [link.entity for link in Linker.open(tmp_path / "graph_only").link("Paris")] == ["paris_of_troy"]
    index(str(tmp_path / "names_only"), names=str(names))
    [link] = Linker.open(tmp_path / "names_only").link("Paris")
    assert (link.entity, link.score) == ("paris_of_troy", 0.75)


def test_nothing_to_index_is_told(tmp_path):
    with pytest.raises(KgError, match="Give graph, names or anchors"):
        index(str(tmp_path / "linker"))
    (tmp_path / "anchors.tsv").write_text("")
    with pytest.raises(KgError, match="no usable alias"):
        index(str(tmp_path / "linker"), anchors=str(tmp_path / "anchors.tsv"))
    with pytest.raises(KgError, match="no file or folder"):
        index(str(tmp_path / "linker"), anchors=str(tmp_path / "nowhere.tsv"))
    assert not (tmp_path / "linker").exists()
