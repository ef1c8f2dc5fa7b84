"""The spaCy component: finds links, respects what is there, travels with its pipeline."""

import pytest

from kg import KgError

spacy = pytest.importorskip("spacy")

from kg.spacy_linker import SPANS, SpacyLinker, make_linker  # noqa: E402

GRAPH = "paris\tcapital_of\tfrance\nfrance\tpart_of\teurope\n"
NAMES = "id\tlabel\nparis\tParis\nfrance\tFrance\n"
TEXT = "Anna left Paris for the Republic of France."


@pytest.fixture
def graph(tmp_path):
    folder = tmp_path / "graph"
    folder.mkdir()
    (folder / "triples.tsv").write_text(GRAPH)
    (folder / "entities.tsv").write_text(NAMES)
    return str(folder)


@pytest.fixture
def nlp(graph):
    pipeline = spacy.blank("en")
    pipeline.add_pipe("kplm_linker", config={"graph": graph})
    return pipeline


def found(doc):
    return [(ent.text, ent.label_, ent.kb_id_) for ent in doc.ents]


def test_links_become_entities(nlp):
    doc = nlp(TEXT)
    assert found(doc) == [("Paris", "ENTITY", "paris"), ("France", "ENTITY", "france")]
    assert [(span.kb_id_, span._.kplm_score) for span in doc.spans[SPANS]] == [("paris", 1.0), ("france", 1.0)]
    assert nlp("").ents == ()


def test_entities_of_others_are_kept(nlp):
    ruler = nlp.add_pipe("entity_ruler", before="kplm_linker")
    patterns = {"PERSON": "Anna", "CITY": "Paris", "STATE": "Republic of France"}
    ruler.add_patterns([{"label": label, "pattern": pattern} for label, pattern in patterns.items()])
    doc = nlp(TEXT)
    assert found(doc) == [("Anna", "PERSON", ""), ("Paris", "CITY", "paris"), ("Republic of France", "STATE", "")]
    assert [span.text for span in doc.spans[SPANS]] == ["Paris", "France"]


def test_to_disk_and_back_without_the_graph(nlp, graph, tmp_path):
    import shutil

    nlp.to_disk(tmp_path / "pipeline")
    shutil.rmtree(graph)
    assert found(spacy.load(tmp_path / "pipeline")(TEXT)) == found(nlp(TEXT)) != []


def test_to_bytes_and_back(nlp):
    other = spacy.blank("en")
    other.add_pipe("kplm_linker")
    other.from_bytes(nlp.to_bytes())
    assert found(other(TEXT)) == found(nlp(TEXT))


def test_bytes_cannot_write_elsewhere():
    import srsly

    with pytest.raises(KgError, match="outside of the component"):
        SpacyLinker().from_bytes(srsly.msgpack_dumps({"../../evil": b"x"}))


def test_without_a_graph_the_fix_is_told():
    pipeline = spacy.blank("en")
    pipeline.add_pipe("kplm_linker")
    with pytest.raises(KgError, match="has no graph"):
        pipeline(TEXT)
    assert make_linker(pipeline, "kplm_linker", None, None, "smart", 0.0, "X").label == "X"


def test_a_saved_linker_serves_as_the_graph(nlp, graph, tmp_path):
    from kg import Linker, TripleStore

    Linker.from_store(TripleStore.open(graph)).save(tmp_path / "linker")
    other = spacy.blank("en")
    other.add_pipe("kplm_linker", config={"graph": str(tmp_path / "linker")})
    assert found(other(TEXT)) == found(nlp(TEXT)) != []
