"""What each input format gives, and how it is told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kg import KgError, Linker
from kg.aliases import Alias
from kg.blocks.lines import Line, line_blocks, lines
from kplm.data.corpus.document import Document, Mention
from kplm.data.corpus.formats import format_name
from kplm.data.corpus.mentions import usable
from kplm.data.corpus.stream import source_files
from kplm.data.corpus.titles import Titles
from kplm.data.corpus.wiki import page_title, read, read_json, without_anchors
from kplm.errors import DataError, KplmError
from kplm.text import Tokenizer
from tests.conftest import write_rows
from tests.data.corpus.made_up import corpus, linked_file
from tests.fuzz.hostile import watched

PAGES = """<doc id="12" url="https://en.wikipedia.org/wiki?curid=12" title="Rome &amp; Paris">
Rome &amp; Paris

The <a href="rome">city</a> lives in <a href="new%20york_City#History">the river</a>.

Bad &lt;a href=&quot;Paris&quot;&gt;paris&lt;/a&gt; was good.

</doc>
<doc id="13" url="https://en.wikipedia.org/wiki?curid=13" title="River">
River

Good river.
</doc>
"""


def read_lines(text: str) -> list[Line]:
    return [Line(Path("wiki_00"), number, line) for number, line in enumerate(text.splitlines(), 1)]


def no_complaint(line: Line, expected: str) -> None:
    raise AssertionError(f"{line.where}: {expected}")


def test_a_page_keeps_its_paragraphs_apart_drops_its_title_and_finds_its_anchors() -> None:
    first, second = read(read_lines(PAGES), no_complaint)
    assert first.text == "The city lives in the river.\nBad paris was good."
    assert first.source == "Rome & Paris"
    assert [(first.text[m.start : m.end], m.entity) for m in first.mentions or ()] == [
        ("city", "Rome"),
        ("the river", "New york City"),
        ("paris", "Paris"),
    ]
    assert second == Document("Good river.", [], "River")


def read_all(text: str) -> list[Document]:
    return list(read(read_lines(text), no_complaint))


@pytest.mark.parametrize("piece", ['<a href=""', "<a href='", "<a ", "<a\thref=", "</a", "&#x", "&", "%"])
def test_hostile_markup_is_read_in_time_that_grows_with_its_length_alone(piece: str) -> None:
    page = piece * 50_000
    with watched():
        assert read_all(f'<doc title="{page}">\n{page}\n</doc>')
        assert read_all(f"<doc {page}>\n{page}\n</doc>")


@pytest.mark.parametrize("text", ["&#" + "9" * 5000 + ";", "&#x" + "f" * 5000 + ";", "&#0;&#xd800;"])
def test_numbers_of_no_character_are_read(text: str) -> None:
    [page] = read_all(f'<doc title="{text}">\na <a href="{text}">b</a>\n</doc>')
    assert (page.text, len(page.mentions or ())) == ("a b", 1)


def test_pages_as_json_lines_give_the_same() -> None:
    row = {"id": "12", "url": "u", "title": "Rome", "text": 'Rome\n\nThe <a href="rome">city</a>.\n\nGood.'}
    assert list(read_json(read_lines(json.dumps(row)), no_complaint)) == [
        Document("The city.\nGood.", [Mention(4, 8, "Rome")], "Rome")
    ]


@pytest.mark.parametrize(
    ("target", "title"),
    [
        ("rome", "Rome"),
        ("New%20York_City#History", "New York City"),
        ("AT&amp;T", "AT&T"),
        ("%C3%89cole", "École"),
        ("école", "École"),
        ("#Sights", ""),
        ("100%", "100%"),
    ],
)
def test_the_target_of_an_anchor_becomes_a_title(target: str, title: str) -> None:
    assert page_title(target) == title


@pytest.mark.parametrize(
    ("text", "plain", "count"),
    [
        ('a <a href="b">c</a> d', "a c d", 1),
        ("a <a href='b'>c</a> d", "a c d", 1),
        ('a <a href="b">c d', "a c d", 0),
        ("a c</a> d", "a c d", 0),
        ('<a href="b"><a href="c">d</a></a>', "d", 1),
        ("a < b and b > c", "a < b and b > c", 0),
    ],
)
def test_anchors_that_are_damaged_leave_their_text(text: str, plain: str, count: int) -> None:
    found, mentions = without_anchors(text)
    assert (found, len(mentions)) == (plain, count)


def test_titles_become_ids_and_what_has_none_is_counted(tmp_path: Path, tiny_bert: Path) -> None:
    (tmp_path / "wiki_00").write_text(PAGES)
    titles = tmp_path / "anchor2id.txt"
    titles.write_text("rome\tQ220\nNew_york_City\t#UNK#\nparis\tQ90\n")
    made = corpus(tmp_path / "wiki_00", tmp_path / "out", tiny_bert, titles=str(titles), shape="packed")
    assert [entity for row in made.rows for entity in row["entities"]] == ["Q220", "Q90"]
    assert made.counts["mentions_without_id"] == 1
    assert made.meta["format"] == "wiki"


def test_without_titles_the_title_is_the_id(tmp_path: Path, tiny_bert: Path) -> None:
    (tmp_path / "wiki_00").write_text(PAGES)
    made = corpus(tmp_path / "wiki_00", tmp_path / "out", tiny_bert, shape="packed")
    assert made.rows[0]["entities"] == ["Rome", "New york City", "Paris"]


def test_titles_are_found_in_a_file_that_is_mapped(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("".join(f"Title {n}\tQ{n}\n" for n in range(2000)) + "Title 7\tQ000\n")
    Titles.build(tmp_path / "t.txt", tmp_path / "t.marisa", max_bad=0)
    assert Titles(tmp_path / "t.marisa").ids(["Title 1999", "Title", "Title 7"]) == ["Q1999", None, "Q000"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.marisa", "t.txt"]


def test_plain_text_is_linked_by_a_graph_or_a_saved_linker(tmp_path: Path, tiny_bert: Path) -> None:
    (tmp_path / "a.txt").write_text("Rome was good.\nfine.\n\nIn paris.\n")
    graph = tmp_path / "graph"
    graph.mkdir()
    (graph / "triples.tsv").write_text("Q1\tP1\tQ2\n")
    (graph / "entities.tsv").write_text("id\tlabel\nQ1\tRome\nQ2\tParis\n")
    Linker([Alias("Q1", "Rome"), Alias("Q2", "Paris")]).save(tmp_path / "linker")
    for place in (graph, tmp_path / "linker"):
        made = corpus(tmp_path / "a.txt", tmp_path / "out", tiny_bert, graph=str(place), shape="packed")
        assert made.counts["documents"] == 2
        assert "Q1" in [entity for row in made.rows for entity in row["entities"]]


def test_a_line_with_links_keeps_them_and_one_without_is_linked(tmp_path: Path, tiny_bert: Path) -> None:
    Linker([Alias("Q1", "Rome")]).save(tmp_path / "linker")
    rows = [{"text": "Rome."}, {"text": "Rome.", "links": []}, {"text": "Rome.", "links": [[0, 4, "X"]]}]
    source = write_rows(tmp_path / "a.jsonl", rows)
    for graph, expected in ((str(tmp_path / "linker"), ["Q1", "X"]), (None, ["X"])):
        made = corpus(source, tmp_path / "out", tiny_bert, graph=graph, shape="packed")
        assert [entity for row in made.rows for entity in row["entities"]] == expected


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('{"text": "a"}', "linked"),
        ('{"id": "1", "url": "u", "title": "t", "text": "a"}', "wiki_json"),
        ('<doc id="1" url="u" title="a > b">', "wiki"),
        ('{"url": ' + "[" * 100_000, "linked"),
        ("<docs>", "plain"),
        ("a text", "plain"),
        ("", "plain"),
    ],
)
def test_the_first_line_tells_the_format(tmp_path: Path, line: str, name: str) -> None:
    (tmp_path / "a").write_text(f"\ufeff\n\n{line}\n")
    assert format_name("auto", [tmp_path / "a"]) == name


def test_an_unknown_format_is_refused_with_what_there_is(tmp_path: Path, tiny_bert: Path) -> None:
    with pytest.raises(
        DataError, match=r"no format 'linkd'. Did you mean 'linked'\? Possible: auto, linked, plain, wiki"
    ):
        corpus(linked_file(tmp_path, 1), tmp_path / "out", tiny_bert, format="linkd")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": "pair"}, "Did you mean 'pairs'"),
        ({"titles": "t.txt"}, "titles are for wiki pages"),
        ({"max_length": 3}, "max_length is 3; it must be 8 or more"),
        ({"short_seq_prob": 2.0}, "from 0 to 1"),
        ({"shards": 0}, "shards is 0; it must be 1 or more"),
        ({"processes": -1}, "processes is -1; it must be 1 or more, or 0"),
        ({"part": "3/2"}, "write K/N with K from 1 to N"),
    ],
)
def test_impossible_settings_are_refused(
    tmp_path: Path, tiny_bert: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises((KplmError, KgError), match=message):
        corpus(linked_file(tmp_path, 1), tmp_path / "out", tiny_bert, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_source_is_a_file_a_folder_or_a_glob_in_order(tmp_path: Path) -> None:
    for name in ("b/wiki_01", "a/wiki_00", "b/.hidden", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    names = [str(path.relative_to(tmp_path)) for path in source_files(tmp_path)]
    assert names == ["a/wiki_00", "b/wiki_01", "c.txt"]
    assert [path.name for path in source_files(f"{tmp_path}/*/wiki*")] == ["wiki_00", "wiki_01"]


def test_blocks_close_at_the_first_end_of_a_document_after_their_size(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("12345\n12345\n\n\n123\n\n12345678901\n\n1")
    found = list(line_blocks([tmp_path / "a.txt"], 10, len, lambda line: not line))
    assert [[line.text for piece in block.content for line in lines(piece, no_complaint)] for block in found] == [
        ["12345", "12345", ""],
        ["", "123", "", "12345678901", ""],
        ["1"],
    ]
    assert [block.content[0].line for block in found] == [1, 4, 9]


def test_of_mentions_that_overlap_the_leftmost_stays_and_of_those_that_begin_together_the_longest() -> None:
    from collections import Counter

    counts: Counter[str] = Counter()
    text = "new york city lives\nin rome"
    given = [Mention(0, 3, "A"), Mention(0, 8, "B"), Mention(4, 13, "C"), Mention(14, 22, "D"), Mention(9, 13, "E")]
    kept = usable(text, [*given, Mention(8, 9, "F"), Mention(23, 27, "")], counts)
    assert [mention.entity for mention in kept] == ["B", "E"]
    assert counts == {"mentions_overlapping": 2, "mentions_across_paragraphs": 1, "mentions_empty": 2}


def test_the_corpus_carries_its_tokenizer(tmp_path: Path, tiny_bert: Path, tokenizer: Tokenizer) -> None:
    made = corpus(linked_file(tmp_path, 3), tmp_path / "out", tiny_bert)
    assert Tokenizer.from_file(tmp_path / "out").to_json() == tokenizer.to_json()
    assert made.meta["vocab_size"] == len(tokenizer)
    assert made.meta["kind"] == "kplm.corpus"
