"""The pack screen beside its oracle: the pack itself, profiled by the engine."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from app import charts, data
from app.viewmodels.pack import PackView, chosen_labels, explain_obstacle, history, pack_view, places_in
from db import connect, insert, transaction
from db.connect import DATABASE
from db.migrate import migrations
from db.queries import query
from db.rows import ConceptRow
from engine.config import StudyConfig
from engine.figures.palette import LIGHT, hue
from engine.figures.plane import place
from engine.packs.folder import load_pack
from engine.packs.pack import Pack
from engine.packs.pickers import configured_bands
from engine.packs.quadrants import QUADRANTS, Profile, profile_pack
from engine.stages.select import prepare_run, select
from engine.stats.quadrants import Bands
from tests.app.test_screens import html_of, open_screen
from tests.support.hand_made import Layers, concept, write_pack
from tests.support.synthetic_study import PACK, RUN

SETTINGS = StudyConfig(siblings="study", senses_low=1, senses_high=4, siblings_low=2, siblings_high=7, per_quadrant=2)


def random_layers(seed: int = 7) -> Layers:
    """A pack with siblings of every number, concepts under two parents, readable names, origins and buckets."""
    rng = random.Random(seed)
    layers: Layers = {0: [concept(f"Root{i}") for i in range(6)], 1: []}
    for i in range(160):
        parents = rng.sample(range(6), k=rng.choice((1, 1, 2)))
        names = [f"Root{min(parent, rng.randrange(6))}" for parent in parents]
        entry = concept(f"Leaf{i}", *dict.fromkeys(names), n_senses=rng.choice((1, 1, 2, 3, 5, 6)))
        layers[1].append(entry | {"label": f"leaf {i}", "definition": f"100% <b>leaf</b> number_{i}"})
    layers[2] = [
        concept(f"Twig{i}", f"Leaf{i // (3 if i < 20 else 5)}", n_senses=1 + i % 5, origin="Twig") for i in range(40)
    ]
    layers[2][0]["buckets"] = {"Leaf0": "small twigs"}
    return layers


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return load_pack(str(write_pack(tmp_path_factory.mktemp("pack") / "pack", random_layers())))


@pytest.fixture(scope="module")
def chosen(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study in which concepts of the pack are chosen, and nothing more."""
    study = tmp_path_factory.mktemp("chosen") / "study"
    select(study, prepare_run(replace(SETTINGS, pack=pack.source)))
    return study


@pytest.fixture(scope="module")
def profiles(pack: Pack) -> tuple[Profile, ...]:
    return profile_pack(pack, bands=configured_bands(SETTINGS), siblings="study")


def the_run(study: Path) -> data.Run:
    return data.load_runs(study)[0]


def view_of(study: Path) -> PackView:
    found = the_run(study)
    return pack_view(data.load_positions(study, found), found.bands)


def listed(study: Path, filters: data.PackFilters, *, sort: data.PackSort = "name") -> list[data.PackConcept]:
    found = the_run(study)
    first = data.load_pack_page(study, found, filters, number=1, sort=sort)
    pages = [data.load_pack_page(study, found, filters, number=i + 1, sort=sort) for i in range(first.n_pages)]
    return [row for page in pages for row in page.rows]


def test_every_layer_counts_its_quadrants_as_the_engine_assigns_them(
    chosen: Path, profiles: tuple[Profile, ...]
) -> None:
    view = view_of(chosen)
    picked = {profile.concept for profile in data.load_profiles(chosen, the_run(chosen).run_id)}
    assert len(picked) == 8
    for spread in (*view.layers, view.whole):
        members = [p for p in profiles if spread.pack_layer in (None, p.concept.pack_layer)]
        counts = Counter(profile.quadrant for profile in members)
        assert spread.by_quadrant == tuple(counts[quadrant] for quadrant in QUADRANTS)
        assert (spread.n_outside, spread.n_concepts) == (counts[None], len(members))
        assert spread.n_chosen == sum(profile.concept.term in picked for profile in members)
    assert all(view.whole.by_quadrant), "the pack should have concepts in every quadrant"


def test_reasons_add_up_to_the_concepts_without_a_quadrant(chosen: Path, profiles: tuple[Profile, ...]) -> None:
    view = view_of(chosen)
    assert len(view.obstacles) == 3
    assert sum(n for _, n in view.obstacles) == view.whole.n_outside
    unknown = dict(view.obstacles)["No parent named, so siblings are unknown"]
    assert unknown == view.n_unplaced == sum(profile.n_siblings is None for profile in profiles)


@pytest.mark.parametrize("quadrants", [("A",), ("C", "none"), ("none",), ("A", "B", "C", "D")])
def test_the_list_of_a_quadrant_is_what_the_engine_puts_there(
    chosen: Path, profiles: tuple[Profile, ...], quadrants: tuple[str, ...]
) -> None:
    found = the_run(chosen)
    places = places_in(data.load_positions(chosen, found), quadrants, found.bands)
    rows = listed(chosen, data.PackFilters(places=places))
    wanted = {profile.concept.term for profile in profiles if (profile.quadrant or "none") in quadrants}
    assert {row.concept for row in rows} == wanted
    assert len(rows) == len(wanted) == rows[0].n_total


def test_pages_of_layers_and_of_the_choice_hold_exactly_these(chosen: Path, pack: Pack) -> None:
    of_layers = {row.concept for row in listed(chosen, data.PackFilters(layers=(0, 2)))}
    assert of_layers == {entry.term for entry in pack.concepts if entry.pack_layer != 1}
    picked = {profile.concept for profile in data.load_profiles(chosen, the_run(chosen).run_id)}
    assert {row.concept for row in listed(chosen, data.PackFilters(only_chosen=True))} == picked
    assert all(row.in_run for row in listed(chosen, data.PackFilters(only_chosen=True)))


@pytest.mark.parametrize("needle", ["LEAF 1", "Leaf1", "100%", "number_", "<b>", "_", "\x00", "nothing like it"])
def test_search_takes_its_text_literally_in_name_term_and_definition(chosen: Path, pack: Pack, needle: str) -> None:
    found = {row.concept for row in listed(chosen, data.PackFilters(text=needle))}
    texts = {
        entry.term: "\n".join((entry.name, entry.term, entry.definition, *entry.aliases)) for entry in pack.concepts
    }
    assert found == {term for term, text in texts.items() if needle.lower() in text.lower()}


@pytest.mark.parametrize("sort", ["senses", "siblings"])
def test_most_senses_and_most_siblings_come_first_and_unknown_last(chosen: Path, sort: data.PackSort) -> None:
    rows = listed(chosen, data.PackFilters(), sort=sort)
    counts = [row.n_senses if sort == "senses" else row.n_siblings for row in rows]
    known = [n for n in counts if n is not None]
    assert known == sorted(known, reverse=True)
    assert counts[len(known) :] == [None] * (len(counts) - len(known))


def test_a_page_beyond_the_last_is_the_last(chosen: Path) -> None:
    found = the_run(chosen)
    last = data.load_pack_page(chosen, found, data.PackFilters(), number=10**6, sort="name")
    assert last.number == last.n_pages == -(-last.n_total // data.PACK_ROWS)
    assert data.load_pack_page(chosen, found, data.PackFilters(text="nothing"), number=3, sort="name").n_total == 0


def test_names_origins_and_buckets_come_from_the_pack(chosen: Path) -> None:
    rows = {row.concept: row for row in listed(chosen, data.PackFilters())}
    assert rows["Leaf3"].name == "leaf 3"
    assert rows["Root0"].name == "Root0"
    assert (rows["Twig0"].origin, rows["Twig0"].bucket) == ("Twig", "small twigs")
    assert (rows["Twig1"].origin, rows["Twig1"].bucket) == ("Twig", None)
    told = history(data.load_pack(chosen, the_run(chosen).run_id))
    assert told == "40 concepts split from 1 concept by sense; 1 concept in sibling buckets"


@pytest.mark.parametrize(
    ("made_by", "made_from", "told"),
    [("bucket", "old", "siblings bucketed, from old"), ("sumo", None, "built from SUMO"), ("x", None, "made by x")],
)
def test_how_a_pack_was_made_is_told_in_words(made_by: str, made_from: str | None, told: str) -> None:
    assert history(data.PackFacts("p", "1", "s", "m", 1, made_by, made_from, 0, 0, 0)) == told


def test_the_map_has_one_dot_a_position_each_in_its_quadrant(chosen: Path, profiles: tuple[Profile, ...]) -> None:
    view, found = view_of(chosen), the_run(chosen)
    labels = chosen_labels(data.load_profiles(chosen, found.run_id), data.load_names(chosen, found.run_id))
    bands = found.bands
    made = charts.pack_map(view.dots, labels, bands=bands, sibling_count="study", colours=LIGHT, height=500)
    (dots,) = [trace for trace in made.data if trace.customdata is not None]
    wanted = Counter((p.n_senses, p.n_siblings) for p in profiles if p.n_siblings is not None)
    seen = Counter(zip(dots.x, dots.y, strict=True))
    assert seen == Counter({(place(senses), place(siblings)): 1 for senses, siblings in wanted})
    assert {(dot.n_senses, dot.n_siblings): dot.n_concepts for dot in view.dots} == wanted
    quadrants = {(p.n_senses, p.n_siblings): p.quadrant for p in profiles}
    colours = dict(zip(zip(dots.x, dots.y, strict=True), dots.marker.line.color, strict=True))
    for (senses, siblings), quadrant in quadrants.items():
        if siblings is not None:
            assert colours[place(senses), place(siblings)] == hue(quadrant, LIGHT)
    ringed = made.data[-1]
    assert set(zip(ringed.x, ringed.y, strict=True)) == {(place(s), place(b)) for _, s, b in labels}


def test_as_many_concepts_as_one_likes_are_as_many_dots_as_positions() -> None:
    positions = [data.Position(1, 1 + i % 5, i % 20, 3_500, 0, ["a"]) for i in range(20)]
    view = pack_view(positions, Bands())
    assert view.whole.n_concepts == 70_000
    assert len(view.dots) == 20


@pytest.mark.parametrize(
    ("bands", "written"), [(Bands(), "3–4 senses"), (Bands(2, 4), "3 senses"), (Bands(0, 9), "1–8 senses")]
)
def test_what_lies_between_the_bands_is_written_as_its_counts(bands: Bands, written: str) -> None:
    assert explain_obstacle("senses", bands).startswith(written)


def test_the_screen_shows_the_numbers_and_opens_a_chosen_concept(chosen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(chosen, monkeypatch, "pack", chosen="yes")
    shown, view = html_of(app), view_of(chosen)
    for n in (*view.whole.by_quadrant, view.whole.n_outside):
        assert f"<b>{n} <i>" in shown
    assert "100% &lt;b&gt;leaf&lt;/b&gt;" in shown
    assert "<b>leaf</b>" not in shown
    opened = []
    monkeypatch.setattr("streamlit.switch_page", lambda page, query_params: opened.append((page, query_params)))
    app.button(key="pick-0").click().run()
    assert not app.exception
    (page, parameters), *_ = opened
    first = listed(chosen, data.PackFilters(only_chosen=True))[0]
    assert (page, parameters["concept"]) == ("screens/concept.py", first.concept)


def test_filters_in_the_address_narrow_the_list(chosen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = view_of(chosen)
    dot = view.dots[0]
    shown = html_of(open_screen(chosen, monkeypatch, "pack", at=dot.place))
    assert f"<b>{dot.n_concepts} concepts</b>" in shown
    both = html_of(open_screen(chosen, monkeypatch, "pack", quadrant="C", pack_layer="0"))
    assert "No concept passes these filters" in both


@pytest.mark.parametrize("nonsense", ["nan", "-3", "<script>alert(1)</script>", "1x", "x", "1e400", "9999999999"])
def test_nonsense_in_the_address_is_no_fault(chosen: Path, monkeypatch: pytest.MonkeyPatch, nonsense: str) -> None:
    query = dict.fromkeys(("at", "quadrant", "pack_layer", "chosen", "order", "page", "q"), nonsense)
    assert "<script>alert" not in html_of(open_screen(chosen, monkeypatch, "pack", **query))


def test_a_study_of_before_is_read_by_its_terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = older_study(tmp_path / "older")
    found = the_run(study)
    assert data.load_names(study, found.run_id) == {}
    assert [row.name for row in listed(study, data.PackFilters())] == ["GinAndTonic"]
    facts = data.load_pack(study, found.run_id)
    assert (facts.made_by, facts.n_split, history(facts)) == (None, 0, None)
    shown = html_of(open_screen(study, monkeypatch, "pack"))
    assert "GinAndTonic" in shown
    assert "no splitting or bucketing recorded" in shown


def older_study(folder: Path) -> Path:
    """A study as it was before concepts had readable names."""
    folder.mkdir()
    connection = duckdb.connect(folder / DATABASE)
    connection.execute(query("schema.make_record"))
    for migration in migrations()[:2]:
        connection.execute(migration.sql)
        record = {"number": migration.number, "name": migration.name, "applied_at": "2026-11-01"}
        connection.execute(query("schema.record"), record)
    connection.execute("insert into packs values ('p', 'older', '1', 'somewhere', 'synsets', 1)")
    connection.execute("insert into concepts values ('p', 'GinAndTonic', 0, 'a drink', [], ['Drink'], 1, 0, 0)")
    config = StudyConfig().to_json()
    connection.execute(
        "insert into runs values ('r', 'older', '2026-11-01', ?, 'm', 'f', 'p', 't', 'h', 0, '{}')", [config]
    )
    connection.execute("insert into run_concepts values ('r', 'GinAndTonic', 0, 'A', null, 1, 0, 'distinct')")
    connection.close()
    return folder


def test_readable_names_stand_for_terms_wherever_a_concept_is_named(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = data.load_profiles(study, RUN)[0].concept
    with connect(study) as cursor:
        cursor.execute("update concepts set label = 'A <i>readable</i> name' where concept = ?", [name])
    for screen in ("samples", "concept", "pack"):
        shown = html_of(open_screen(study, monkeypatch, screen, concept=name))
        assert "A &lt;i&gt;readable&lt;/i&gt; name" in shown, screen


def test_a_concept_without_a_definition_says_so(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction(study) as cursor:
        insert(cursor, [ConceptRow(PACK, "bare", 0, " ", (), (), 1, None, None)])
    shown = html_of(open_screen(study, monkeypatch, "pack", pack_layer="0"))
    assert "The pack has no definition" in shown
    assert "it names no parent, so its siblings are unknown" in shown
