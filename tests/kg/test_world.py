"""The world graph in ``kg/world``: its files agree with each other and with what its README promises."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

WORLD = Path(__file__).resolve().parents[2] / "kg" / "world"
COLUMNS = ["id", "label", "description", "aliases"]
Triple = tuple[str, str, str]

# Countries on two continents, and the one that the graph gives them.
PRIMARY_CONTINENT = {
    "russia": "europe",
    "turkey": "asia",
    "egypt": "africa",
    "indonesia": "asia",
    "kazakhstan": "asia",
    "azerbaijan": "asia",
    "georgia": "asia",
    "cyprus": "asia",
}


def read_rows(name: str) -> list[list[str]]:
    with (WORLD / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(scope="module")
def triples() -> list[Triple]:
    rows = read_rows("triples.tsv")
    assert all(len(row) == 3 for row in rows)
    return [(head, relation, tail) for head, relation, tail in rows]


@pytest.fixture(scope="module")
def entities() -> list[dict[str, str]]:
    header, *rows = read_rows("entities.tsv")
    assert header == COLUMNS
    assert all(len(row) == len(COLUMNS) for row in rows)
    return [dict(zip(COLUMNS, row)) for row in rows]


@pytest.fixture(scope="module")
def facts(triples: list[Triple]) -> dict[str, dict[str, set[str]]]:
    """Tails by relation and head."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for head, relation, tail in triples:
        found[relation][head].add(tail)
    return found


@pytest.fixture(scope="module")
def countries(triples: list[Triple]) -> list[str]:
    return [head for head, relation, tail in triples if (relation, tail) == ("instance_of", "country")]


def test_counts(triples: list[Triple], entities: list[dict[str, str]], countries: list[str]) -> None:
    assert len(triples) >= 1500
    assert len(entities) >= 600
    assert len(countries) == 195


def test_triples_are_unique_and_sorted(triples: list[Triple]) -> None:
    assert len(set(triples)) == len(triples)
    assert triples == sorted(triples, key=lambda triple: (triple[1], triple[0], triple[2]))


def test_no_blank_fields(triples: list[Triple], entities: list[dict[str, str]]) -> None:
    for triple in triples:
        assert all(field and field == field.strip() for field in triple), triple
    for row in entities:
        for column in ("id", "label", "description"):
            assert row[column], row
            assert row[column] == row[column].strip(), row
        if row["aliases"]:
            assert all(alias and alias == alias.strip() for alias in row["aliases"].split("|")), row


def test_ids_are_ascii_slugs(triples: list[Triple], entities: list[dict[str, str]]) -> None:
    slug = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
    for name in {row["id"] for row in entities} | {relation for _, relation, _ in triples}:
        assert slug.fullmatch(name), name


def test_triples_and_entities_name_the_same_ids(triples: list[Triple], entities: list[dict[str, str]]) -> None:
    used = Counter(name for head, _, tail in triples for name in (head, tail))
    known = [row["id"] for row in entities]
    assert len(set(known)) == len(known)
    assert set(used) == set(known)
    assert {name: count for name, count in used.items() if count < 2} == {}


def test_no_entity_is_related_to_itself(triples: list[Triple]) -> None:
    assert [triple for triple in triples if triple[0] == triple[2]] == []


def test_labels_and_aliases_name_one_entity(entities: list[dict[str, str]]) -> None:
    assert len({row["label"] for row in entities}) == len(entities)
    owners: dict[str, set[str]] = defaultdict(set)
    for row in entities:
        for name in (row["label"], *filter(None, row["aliases"].split("|"))):
            owners[name.casefold()].add(row["id"])
    assert {name: ids for name, ids in owners.items() if len(ids) > 1} == {}


def test_descriptions_are_short(entities: list[dict[str, str]]) -> None:
    assert [row for row in entities if not 3 <= len(row["description"].split()) <= 8] == []


def test_borders_are_symmetric(triples: list[Triple], countries: list[str]) -> None:
    borders = {(head, tail) for head, relation, tail in triples if relation == "borders"}
    assert borders
    assert borders == {(tail, head) for head, tail in borders}
    assert {head for head, _ in borders} <= set(countries)


def test_capital_and_capital_of_are_inverse(triples: list[Triple]) -> None:
    capital = {(head, tail) for head, relation, tail in triples if relation == "capital"}
    assert capital == {(tail, head) for head, relation, tail in triples if relation == "capital_of"}


def test_every_country_is_described(facts: dict[str, dict[str, set[str]]], countries: list[str]) -> None:
    for country in countries:
        for relation in ("continent", "capital", "in_subregion"):
            assert len(facts[relation][country]) == 1, (country, relation)
        for relation in ("currency", "official_language"):
            assert facts[relation][country], (country, relation)
        (region,) = facts["in_subregion"][country]
        assert facts["part_of"][region] == facts["continent"][country], country


def test_continent_is_told_of_countries_only(facts: dict[str, dict[str, set[str]]], countries: list[str]) -> None:
    assert set(facts["continent"]) == set(countries)


@pytest.mark.parametrize(("country", "continent"), PRIMARY_CONTINENT.items())
def test_primary_continent(facts: dict[str, dict[str, set[str]]], country: str, continent: str) -> None:
    assert facts["continent"][country] == {continent}


def test_every_city_lies_in_one_country(facts: dict[str, dict[str, set[str]]], countries: list[str]) -> None:
    for city, types in facts["instance_of"].items():
        if "city" in types:
            assert len(facts["located_in"][city] & set(countries)) == 1, city


@pytest.mark.parametrize(
    "triple",
    [
        ("france", "capital", "paris"),
        ("croatia", "currency", "euro"),
        ("kazakhstan", "capital", "astana"),
        ("eswatini", "capital", "mbabane"),
        ("river_seine", "flows_through", "france"),
        ("japan", "member_of", "g20"),
        ("marie_curie", "discovered", "radium"),
    ],
)
def test_known_facts(triples: list[Triple], triple: Triple) -> None:
    assert triple in triples


def test_readme_tells_counts_and_relations(triples: list[Triple], entities: list[dict[str, str]]) -> None:
    readme = (WORLD / "README.md").read_text(encoding="utf-8")
    assert f"{len(triples):,} triples" in readme
    assert f"{len(entities):,} entities" in readme
    for relation, count in Counter(relation for _, relation, _ in triples).items():
        assert f"| `{relation}` | {count:,} |" in readme, relation
