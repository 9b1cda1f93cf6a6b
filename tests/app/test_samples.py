"""Lists of samples: each filter and count against brute force over every row, many rated at once, kept views, similar samples."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from app import data
from app.data import browsing, held_pairs, samples, similar
from app.data.bulk import BULK_AT_MOST, load_bulks, load_overriders, rate_all, undo_all
from app.data.samples import load_choices, load_facets, load_listed
from app.data.saved_views import SavedView, load_saved_views, remove_view, save_view
from app.viewmodels import bulk as bulk_view
from db import connect, transaction
from tests.support.synthetic_study import JUDGE, RUN

Key = tuple[str, str]


def lens_of(folder: Path) -> tuple[str, ...]:
    lenses = data.load_lenses(folder, RUN)
    return tuple(lens.lens_id for lens in lenses if lens.family == "logistic" and lens.layers == [5])


def passing(folder: Path, filters: data.Filters) -> set[Key]:
    found = load_listed(folder, RUN, JUDGE, filters, form_rule="loop", at_most=10_000, lens_ids=lens_of(folder))
    return {(pair.concept, pair.sample_id) for pair in found}


def facets(folder: Path, filters: data.Filters) -> samples.Facets:
    return load_facets(folder, RUN, JUDGE, filters, form_rule="loop", lens_ids=lens_of(folder))


def asked(folder: Path, sql: str, *values: object) -> set[Key]:
    with connect(folder) as cursor:
        return {(str(concept), str(sample_id)) for concept, sample_id in cursor.execute(sql, list(values)).fetchall()}


@pytest.fixture(scope="module")
def rated_study(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Overrides far from and near the judge, topics with matches, and votes that spread; it is only read."""
    from tests.support.planted import copy_study

    folder = copy_study(small_study, tmp_path_factory.mktemp("rated") / "study")
    rows = data.load_page(folder, RUN, JUDGE, data.Filters(ratings=(1, 2)), number=1, sort="run", form_rule="loop").rows
    for place, row in enumerate(rows[:4]):
        data.add_override(
            folder,
            RUN,
            concept=row.concept,
            sample_id=row.sample_id,
            rating=5 if place % 2 else int(row.verdict or 1),
            reviewer="Ada",
            reason=None,
            rating_id=f"r{place}",
        )
    with transaction(folder) as cursor:
        cursor.execute(
            "update topics set topic_match = if(sample_id like '%0', 'exact', 'sibling') where topic is not null"
        )
    return folder


ORACLES = [
    (data.Filters(people=(5,)), "select concept, sample_id from ratings where rating = 5"),
    (
        data.Filters(judged=(1, 2)),
        "select concept, sample_id from judgments where judge_id = 'JUDGE' group by all "
        "having round_even(avg(coalesce(expected_rating, rating)), 0) in (1, 2)".replace("JUDGE", JUDGE),
    ),
    (
        data.Filters(differs="person"),
        "select r.concept, r.sample_id from ratings r join judgments j using (concept, sample_id) "
        "where abs(r.rating - j.rating) >= 2",
    ),
    (
        data.Filters(topics=("exact",)),
        "select concept, sample_id from pairs join topics using (sample_id) where topic_match = 'exact'",
    ),
    (
        data.Filters(topics=("none",)),
        "select concept, sample_id from pairs join topics using (sample_id) where topic is null",
    ),
    (
        data.Filters(fires="on"),
        "select l.concept, s.sample_id from lens_scores s join lenses l using (lens_id) "
        "where s.fires and l.family = 'logistic' and l.layers = [5]",
    ),
    (
        data.Filters(finish="length"),
        "select concept, sample_id from pairs join samples using (sample_id) where finish_reason = 'length'",
    ),
    (
        data.Filters(layers=(1,), text="the", arm="negative"),
        "select concept, sample_id from pairs join samples using (sample_id) join prompts using (sample_id) "
        "where arm = 'negative' and (output ilike '%the%' or prompt ilike '%the%')",
    ),
]


@pytest.mark.parametrize(("filters", "sql"), ORACLES)
def test_each_filter_passes_what_a_query_of_its_own_finds(rated_study: Path, filters: data.Filters, sql: str) -> None:
    wanted = asked(rated_study, sql)
    assert passing(rated_study, filters) == wanted
    assert wanted


def test_templates_are_those_of_the_run_and_divide_its_pairs(rated_study: Path) -> None:
    templates = load_choices(rated_study, RUN)["template"]
    parts = [passing(rated_study, data.Filters(templates=(template,))) for template in templates]
    assert sum(map(len, parts)) == len(set().union(*parts)) == len(passing(rated_study, data.Filters()))


@pytest.mark.parametrize(
    "filters",
    [
        data.Filters(),
        data.Filters(quadrants=("C",), forms=("good",)),
        data.Filters(ratings=(1, 2), arm="negative", text="e"),
        data.Filters(people=(5,), topics=("sibling",)),
    ],
)
def test_a_count_is_what_the_list_would_hold_with_that_choice(rated_study: Path, filters: data.Filters) -> None:
    from dataclasses import replace

    counted = facets(rated_study, filters)
    assert counted["all"][""] == len(passing(rated_study, filters))
    asked = {"form_rule": "loop", "lens_ids": lens_of(rated_study), "with_concepts": False}
    few = load_facets(rated_study, RUN, JUDGE, filters, **asked)
    assert few == {name: counts for name, counts in counted.items() if name in ("all", "quadrant", "form")}
    one = {
        "quadrant": lambda v: {"quadrants": (v,)},
        "form": lambda v: {"forms": (v,)},
        "rating": lambda v: {"ratings": (int(v),)},
        "judged": lambda v: {"judged": (int(v),)},
        "arm": lambda v: {"arm": v},
        "person": lambda v: {"people": (int(v),)},
        "topic": lambda v: {"topics": (v,)},
        "fires": lambda v: {"fires": v},
        "concept": lambda v: {"concept": v},
    }
    for name, changed in one.items():
        for value, n in counted.get(name, {}).items():
            assert n == len(passing(rated_study, replace(filters, **changed(value)))), (name, value)


def test_a_rating_moves_a_pair_between_counts_at_once(study: Path) -> None:
    before = facets(study, data.Filters())
    row = data.load_page(study, RUN, JUDGE, data.Filters(ratings=(1,)), number=1, sort="run", form_rule="loop").rows[0]
    pair = {"concept": row.concept, "sample_id": row.sample_id}
    data.add_override(study, RUN, **pair, rating=5, reviewer="Ada", reason=None, rating_id="one")
    after = facets(study, data.Filters())
    assert after["rating"]["1"] == before["rating"]["1"] - 1
    assert after["rating"]["5"] == before["rating"].get("5", 0) + 1
    data.undo_override(study, RUN, **pair, reviewer="Ada", rating_id="one")
    assert facets(study, data.Filters()) == before


def chosen(study: Path, filters: data.Filters) -> tuple[samples.Listed, ...]:
    return load_listed(study, RUN, JUDGE, filters, form_rule="loop", at_most=BULK_AT_MOST + 1)


def rate(study: Path, pairs: tuple[samples.Listed, ...], bulk_id: str = "bulk-1", *, replace: bool = False) -> int:
    return rate_all(
        study,
        RUN,
        bulk_id=bulk_id,
        pairs=[(pair.concept, pair.sample_id) for pair in pairs],
        rating=4,
        reviewer="Ada",
        reason="so",
        chosen_by={"arm": ["positive"]},
        replace_others=replace,
    )


def test_what_a_preview_says_is_what_the_counts_become(study: Path) -> None:
    pairs = chosen(study, data.Filters(arm="positive"))
    before = data.load_counts(study, RUN, JUDGE, form_rule="loop")
    foreseen = bulk_view.rated(before, pairs, 4)
    assert rate(study, pairs) == len(pairs)
    after = data.load_counts(study, RUN, JUDGE, form_rule="loop")
    for one, other in zip(foreseen, after, strict=True):
        np.testing.assert_allclose(one.cells, other.cells, atol=1e-9)
    assert after != before


def test_many_rated_at_once_are_stored_once_and_taken_back_whole(study: Path) -> None:
    pairs, before = chosen(study, data.Filters(arm="positive")), facets(study, data.Filters())
    assert rate(study, pairs) == len(pairs)
    assert rate(study, pairs) == len(pairs), "a press that comes twice is told the same twice"
    (stored,) = load_bulks(study, RUN)
    assert (stored.n_asked, stored.n_rated, stored.n_undone, stored.reason) == (len(pairs), len(pairs), 0, "so")
    assert undo_all(study, "bulk-1", reviewer="Grace") == len(pairs)
    assert undo_all(study, "bulk-1", reviewer="Grace") == 0
    assert load_bulks(study, RUN)[0].n_undone == len(pairs)
    assert facets(study, data.Filters()) == before
    with connect(study) as cursor:
        assert cursor.execute("select count(*) from ratings").fetchall() == [(2 * len(pairs),)]


def test_undoing_many_leaves_what_was_rated_later(study: Path) -> None:
    pairs = chosen(study, data.Filters(arm="positive"))
    rate(study, pairs)
    later = {"concept": pairs[0].concept, "sample_id": pairs[0].sample_id}
    data.add_override(study, RUN, **later, rating=2, reviewer="Grace", reason=None, rating_id="later")
    undo_all(study, "bulk-1", reviewer="Ada")
    assert load_overriders(study, RUN) == {(pairs[0].concept, pairs[0].sample_id): "Grace"}


@pytest.mark.parametrize("replace", [False, True])
def test_an_override_of_somebody_else_is_replaced_only_where_that_is_asked(study: Path, replace: bool) -> None:
    pairs = chosen(study, data.Filters(arm="positive"))
    first = {"concept": pairs[0].concept, "sample_id": pairs[0].sample_id}
    data.add_override(study, RUN, **first, rating=2, reviewer="Grace", reason=None, rating_id="hers")
    assert rate(study, pairs, replace=replace) == len(pairs) - (not replace)
    assert Counter(load_overriders(study, RUN).values())["Grace"] == (not replace)
    planned = bulk_view.plan(
        pairs,
        len(pairs),
        {(pairs[0].concept, pairs[0].sample_id): "Grace"},
        reviewer="Ada",
        replace_others=replace,
        at_most=3,
    )
    assert (planned.n_others, planned.others, planned.n_left_out) == (1, ("Grace",), len(pairs) - 3)
    assert len(planned.pairs) == 3 - (not replace)


def test_more_than_may_be_rated_at_once_are_refused(study: Path) -> None:
    pairs = chosen(study, data.Filters()) * 100
    with pytest.raises(ValueError, match="1 to 1000"):
        rate(study, pairs)
    assert load_bulks(study, RUN) == ()


def test_a_kept_view_gives_its_choices_back_until_it_is_removed(study: Path) -> None:
    save_view(study, RUN, name="<b>C</b>", choices={"quadrant": ["C", "none"], "q": ["a,b"]}, reviewer="Ada")
    (view,) = load_saved_views(study, RUN)
    assert (view.name, view.reviewer) == ("<b>C</b>", "Ada")
    assert view.parameters(("q", "quadrant", "sort")) == {"q": ["a,b"], "quadrant": ["C", "none"]}
    assert view.parameters(("sort",)) == {}
    for _ in range(2):
        remove_view(study, view.view_id, reviewer="Grace")
    assert load_saved_views(study, RUN) == ()


@pytest.mark.parametrize("choices", ["5", "null", '["q"]', "{", "[" * 100_000, '{"q": 5, "sort": "run"}'])
def test_a_view_whose_choices_are_not_ours_has_none(choices: str) -> None:
    view = SavedView("v", "name", choices, "Ada", datetime(2026, 1, 1))
    assert view.parameters(("q", "sort")) == {}


def test_cosines_are_those_of_centred_vectors() -> None:
    vectors = np.random.default_rng(0).normal(3, 1, (12, 5))
    vectors[4] = vectors[2]
    wanted = cosine_similarity(vectors - vectors.mean(axis=0))[2]
    np.testing.assert_allclose(similar.cosines(vectors, 2), wanted)
    assert similar.cosines(np.ones((3, 4)), 0).tolist() == [0, 0, 0]


def test_a_copied_text_is_the_most_similar_and_none_without_activations_is_said(study: Path) -> None:
    with transaction(study) as cursor:
        ((first, output),) = cursor.execute(
            "select sample_id, output from samples order by len(output) desc limit 1"
        ).fetchall()
        ((concept, other),) = cursor.execute(
            "select prompt_concept, sample_id from prompts where sample_id <> ? and prompt_concept = "
            "(select prompt_concept from prompts where sample_id = ?) limit 1",
            [first, first],
        ).fetchall()
        cursor.execute("update samples set output = ? where sample_id = ?", [output, other])
    found = similar.load_similar(study, RUN, concept=concept, sample_id=first, form_rule="loop")
    assert found.by_text[0].sample_id == other
    assert found.by_text[0].cosine == pytest.approx(1)
    assert [s.cosine for s in found.by_text] == sorted((s.cosine for s in found.by_text), reverse=True)
    assert (found.by_activation, found.reason) == ((), "no activation of this sample was captured")


def test_an_index_made_in_parts_holds_what_one_made_at_once_holds(
    rated_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = held_pairs.Asked(RUN, JUDGE, with_topics=True)
    lent: list[int] = []

    @contextmanager
    def spied(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        assert not sum(lent), "the study is given back after each part"
        lent.append(1)
        with connect(folder) as cursor:
            yield cursor
        lent.append(-1)

    def made() -> list[tuple[Any, ...]]:
        index = held_pairs.HeldPairs()
        held_pairs.build(rated_study, held, index, ())
        with index.memory as memory:
            assert memory.execute("select count(distinct row_id) = count(*) from indexed").fetchone() == (True,)
            return memory.execute("select * exclude (row_id) from indexed").fetchall()

    assert len(list(held_pairs.parts(rated_study, held))) == 1
    whole = made()
    assert any(row[-3] is not None for row in whole)
    monkeypatch.setattr(held_pairs, "_PART_PAIRS", len(whole) // 5)
    n_parts = len(list(held_pairs.parts(rated_study, held)))
    monkeypatch.setattr(held_pairs, "connect", spied)
    assert n_parts > 3
    assert made() == whole, "in the same order, too"
    assert lent.count(1) > n_parts


def test_pages_of_a_search_stand_in_the_runs_order_however_large_the_run_is(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More pairs than the database keeps together, searched on two threads, of which either may come first."""
    held = browsing.asked(study, RUN, JUDGE, (), extras=False)
    browsing.ask(study, held, "samples.unsaid")
    index = browsing._indexes[study, held]
    with index.memory.cursor() as cursor:
        cursor.execute("use held")
        cursor.execute("set threads = 2")
        cursor.execute(
            "insert into indexed select p.* replace (p.sample_id || '-' || i as sample_id, p.place + (i << 44) as place, "
            "p.row_id + i * 100 as row_id) from indexed p, range(1, 150000 // (select count(*) from indexed)) t(i) "
            "order by i, p.place"
        )
        cursor.execute("insert into found select 'found', sample_id from indexed")
        expected = cursor.execute("select sample_id from indexed order by place").fetchall()
        assert expected == cursor.execute("select sample_id from indexed").fetchall()
    index.texts["found"] = None
    monkeypatch.setattr(
        samples, "_load_texts", lambda *asked: {one: samples._Text(one, "", "", "") for one in asked[2]}
    )
    for number in (1, 2, 5_000, 11_000):
        page = data.load_page(
            study, RUN, JUDGE, data.Filters(text="found"), number=number, sort="run", form_rule="loop"
        )
        first = (number - 1) * samples.PAGE_ROWS
        assert [(row.sample_id,) for row in page.rows] == expected[first : first + samples.PAGE_ROWS]
