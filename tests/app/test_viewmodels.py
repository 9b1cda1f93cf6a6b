import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from app import charts, data
from app.viewmodels import effect, overview
from app.viewmodels.concept import ceiling_rows, lens_dots
from app.widgets import cards
from engine import words
from engine.figures import points
from engine.figures.palette import LIGHT
from engine.stats.estimate import known, unknown, without_interval
from engine.stats.findings import Settings, count_concepts, find
from engine.stats.quadrants import Bands
from tests.support.synthetic_study import JUDGE, RUN


def counts_of(folder: Path) -> tuple[data.ConceptCounts, ...]:
    return data.load_counts(folder, RUN, JUDGE, form_rule="loop")


def override(folder: Path, row: data.PageRow, rating: int) -> str:
    rating_id = data.new_rating_id()
    stored = data.add_override(
        folder,
        RUN,
        concept=row.concept,
        sample_id=row.sample_id,
        rating=rating,
        reviewer="Ada",
        reason=None,
        rating_id=rating_id,
    )
    assert stored
    return rating_id


def rows_of(folder: Path, **filters: object) -> tuple[data.PageRow, ...]:
    chosen = data.Filters(**filters)  # type: ignore[arg-type]
    return data.load_page(folder, RUN, JUDGE, chosen, number=1, sort="run", form_rule="loop").rows


def test_numbers_have_true_signs_and_two_digits() -> None:
    assert words.number(-0.5) == "\u22120.50"
    assert words.number(-0.001) == "0.00"
    assert words.number(None) == "–"
    assert words.signed(0.25) == "+0.25"
    assert words.signed(-0.25) == "\u22120.25"
    assert words.signed(0.0004) == "±0.00"
    assert words.count(1234, "sample") == "1\u202f234 samples"
    assert words.count(1, "sample") == "1 sample"


@pytest.mark.parametrize("share", [i / n for n in (3, 7, 8, 40, 200) for i in range(n + 1)])
def test_a_percent_is_the_share_with_two_digits(share: float) -> None:
    assert words.percent(share) == f"{int(words.number(share).replace('.', ''))}\u202f%"


@pytest.mark.parametrize(
    ("before", "after"), [(0.694, 0.686), (0.6949, 0.6951), (0.5, 0.25), (-0.004, 0.004), (1, 1.2)]
)
def test_a_delta_is_the_difference_of_the_values_beside_it(before: float, after: float) -> None:
    change = effect.change("Gap", before, after)
    shown = [float(text.replace("\u2212", "-") or 0) for text in (change.before, change.after, change.delta)]
    assert shown[1] - shown[0] == pytest.approx(shown[2])


def test_the_axis_of_lenses_holds_a_marker_at_either_end_whole(full_study: Path) -> None:
    dots = lens_dots(data.load_lenses(full_study, RUN))
    made = charts.lens_plot(dots, ceiling=unknown("none", method="t"), colours=LIGHT)
    low, high = made.layout.xaxis.range
    assert low < -0.02
    assert high > 1.01


def test_an_estimate_is_written_with_its_interval_or_its_reason() -> None:
    assert words.with_interval(known(1, 0.5, 1.5, n=9, method="t")) == "1.00 [0.50, 1.50]"
    assert words.with_interval(unknown("no rating", method="t")) == "unknown: no rating"
    assert words.interval(without_interval(1, n=1, method="t", because="one")) == ""


@pytest.mark.parametrize("otherwise", ["judge", "none"])
def test_without_an_override_counts_are_what_they_were_before_it(study: Path, otherwise: str) -> None:
    rows = [row for row in rows_of(study) if (row.bin is None) == (otherwise == "none")]
    row, before = rows[0], counts_of(study)
    new = 5 if row.bin != 5 else 1
    override(study, row, new)
    moved = effect.Override(row.concept, row.arm, row.form, new, row.bin)
    assert counts_of(study) != before
    assert data.load_moved(study, RUN, JUDGE, form_rule="loop") == (moved.moved,)
    assert find(effect.without(counts_of(study), [moved.moved]), settings=Settings(n_resamples=50)) == find(
        before, settings=Settings(n_resamples=50)
    )


def test_an_override_taken_back_leaves_the_mean_that_would_stand_and_not_its_bin() -> None:
    rows = [("gin", "positive", "good", 2, 0, 0, 0, 2, 0, -0.4, 3.6**2 + 4**2 - 2 * 4**2)]
    overridden = [("gin", "positive", "good", 2, 0, 0, 0, 1, 1, 0.0, 0.0)]
    before, after = (count_concepts(given, quadrants={"gin": "A"}) for given in (rows, overridden))
    [counts] = effect.without(after, [effect.Override("gin", "positive", "good", 5, 3.6).moved])
    assert counts.positive.histogram.counts == before[0].positive.histogram.counts
    assert counts.positive.histogram.mean == pytest.approx(3.8)
    assert counts.positive.histogram.variance == pytest.approx(0.08)


def test_effects_say_what_an_override_moved_and_what_it_did_not(study: Path) -> None:
    row = rows_of(study, arm="positive", ratings=(1, 2))[0]
    before = find(counts_of(study), settings=Settings(n_resamples=50))
    override(study, row, 5)
    after = find(counts_of(study), settings=Settings(n_resamples=50))
    concept, quadrant, overall = effect.effects(before, after, concept=row.concept, quadrant=row.quadrant)
    assert [concept.name, quadrant.name, overall.name] == [row.concept, f"Quadrant {row.quadrant}", "Whole study"]
    for shown in (concept, quadrant, overall):
        assert shown.changes[0].delta.startswith("+")
    untouched = effect.effects(after, after, concept=row.concept, quadrant=None)
    assert [change.delta for shown in untouched for change in shown.changes] == [""] * 6


def test_a_gap_is_weak_when_its_interval_reaches_zero_or_is_missing() -> None:
    assert points.is_weak(known(0.3, -0.1, 0.7, n=9, method="t"))
    assert points.is_weak(without_interval(0.3, n=1, method="t", because="one"))
    assert not points.is_weak(known(0.3, 0.1, 0.7, n=9, method="t"))
    assert not points.is_weak(unknown("no rating", method="t"))


def test_overview_has_every_concept_once_and_every_quadrant_in_order(full_study: Path) -> None:
    counts, profiles = counts_of(full_study), data.load_profiles(full_study, RUN)
    lenses = data.load_lenses(full_study, RUN)
    setting = overview.lens_settings(lenses, ("logistic",))[0]
    chosen = overview.lenses_of(lenses, setting)
    view = overview.overview(find(counts, settings=Settings(n_resamples=50)), counts, profiles, chosen)
    assert [point.concept for point in view.points] == [profile.concept for profile in profiles]
    assert [card.letter for card in view.cards] == ["A", "B", "C", "D"]
    assert sum(card.n_pairs for card in view.cards) < view.overall.n_pairs == 14 * 20
    assert view.overall.n_formed == sum(count.positive.n_measured for count in counts)
    measured = [lens.f1 for lens in chosen if lens.f1 is not None]
    assert view.overall.lenses.f1.value == pytest.approx(sum(measured) / len(measured))


def test_the_first_lens_setting_is_the_deepest_of_the_family_asked_for_first_whatever_it_measured(
    full_study: Path,
) -> None:
    lenses = data.load_lenses(full_study, RUN)
    deepest = max(tuple(lens.layers) for lens in lenses if lens.family == "logistic")
    worse = [replace(lens, f1=0.0) if lens.family == "logistic" else lens for lens in lenses]
    for measured in (lenses, worse, lenses[::-1]):
        assert overview.lens_settings(measured, ("logistic", "mlp-study"))[0] == ("logistic", deepest, "output")


def test_lenses_of_another_mode_or_phase_hide_none_of_the_runs_own(full_study: Path) -> None:
    own = data.load_lenses(full_study, RUN)
    other_mode = [replace(lens, mode="output_only", f1=0.0, unlike=2) for lens in own]
    other_phase = [replace(lens, phase="prompt", f1=0.0, unlike=4) for lens in own]
    setting = overview.lens_settings(own)[0]
    for lenses in ((*own, *other_mode, *other_phase), (*other_phase, *other_mode, *own)):
        assert overview.lens_settings(lenses)[0] == setting
        assert overview.lenses_of(lenses, setting) == overview.lenses_of(own, setting)
    own_prompt = [replace(lens, unlike=lens.unlike % 4) for lens in other_phase]
    far = [replace(lens, unlike=4) for lens in own]
    assert overview.lens_settings([*far, *own_prompt])[0] == (*setting[:2], "prompt")


@pytest.mark.parametrize(("above", "told"), [(0.1, True), (-0.1, False)])
def test_lenses_that_are_together_above_their_own_ceilings_are_doubted(
    full_study: Path, above: float, told: bool
) -> None:
    counts, profiles = counts_of(full_study), data.load_profiles(full_study, RUN)
    findings = find(counts, settings=Settings(n_resamples=50))
    ceilings = findings.overall.concept_ceilings
    lenses = {lens.concept: lens for lens in data.load_lenses(full_study, RUN) if lens.concept in ceilings}
    moved = [
        replace(lens, f1=ceilings[concept] + above + 0.01 * (i % 2)) for i, (concept, lens) in enumerate(lenses.items())
    ]
    view = overview.overview(findings, counts, profiles, moved)
    assert (view.doubt is not None) is told
    assert not told or f"for the same {len(moved)} concepts" in view.doubt


def test_points_of_equal_counts_are_spread_apart(full_study: Path) -> None:
    profiles = [p for p in data.load_profiles(full_study, RUN) if p.n_siblings is not None] * 3
    counts = counts_of(full_study)
    view = overview.overview(find(counts, settings=Settings(n_resamples=50)), counts, profiles, [])
    offsets = points.spread([point.counts for point in view.points if point.counts])
    assert max(math.hypot(x, y) for x, y in offsets) <= 1
    by_place: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for point, offset in zip(view.points, offsets, strict=True):
        by_place.setdefault((point.n_senses, point.n_siblings), []).append(offset)
    for equals in by_place.values():
        assert min(math.dist(a, b) for i, a in enumerate(equals) for b in equals[:i]) > 0.2


@pytest.mark.parametrize("copies", [1, 40])
def test_no_dot_of_the_map_leaves_its_quadrant(full_study: Path, copies: int) -> None:
    profiles = data.load_profiles(full_study, RUN) * copies
    counts = counts_of(full_study)
    view = overview.overview(find(counts, settings=Settings(n_resamples=50)), counts, profiles, [])
    made = charts.quadrant_map(
        view.points, bands=Bands(), largest_gap=2, sibling_count="distinct", colours=LIGHT, height=400
    )
    quadrants = {profile.concept: profile.quadrant for profile in profiles}
    dots = [trace for trace in made.data if trace.customdata is not None]
    assert sum(len(trace.x) for trace in dots) == len(profiles)
    for trace in dots:
        for x, y, (concept,) in zip(trace.x, trace.y, trace.customdata, strict=True):
            many_senses, many_siblings = x > math.log2(4.5 + 1), y > math.log2(9.5 + 1)
            few_senses, few_siblings = x < math.log2(2.5 + 1), y < math.log2(3.5 + 1)
            seen = {
                (few_senses, few_siblings): "A",
                (few_senses, many_siblings): "B",
                (many_senses, many_siblings): "C",
                (many_senses, few_siblings): "D",
            }.get((True, True))
            assert seen == quadrants[concept]


@pytest.mark.parametrize(("asked", "start"), [(0.5, "Yes"), (1.0, "Not 1.00")])
def test_the_answer_follows_from_target_and_ceiling(full_study: Path, asked: float, start: str) -> None:
    counts, profiles = counts_of(full_study), data.load_profiles(full_study, RUN)
    settings = Settings(n_resamples=50, user_target=asked)
    view = overview.overview(find(counts, settings=settings), counts, profiles, [])
    short, because = overview.answer(view.overall, asked=asked, model=settings.model)
    assert short.startswith(start)
    assert words.number(view.overall.ceiling.value) in because


def test_a_target_for_the_mean_says_how_many_concepts_support_it_alone(full_study: Path) -> None:
    counts = counts_of(full_study)
    found = find(counts, settings=Settings(n_resamples=50, user_target=0.7))
    model, n_concepts = found.settings.model, len(counts)
    lows = [one.ceilings[model].estimate.low for one in found.concepts.values()]
    n = sum(low is not None and low >= 0.7 for low in lows)
    assert 0 < n < n_concepts
    assert f"on average: {n} of {n_concepts} concepts support it alone" in overview.support(found, 0.7)
    assert f"0 of {n_concepts} concepts" in overview.support(found, 1.0)
    assert overview.support(found, None) == ""
    single = find(counts[:1], settings=Settings(n_resamples=50))
    assert overview.support(single, 0.7) == ""


def test_ceiling_rows_begin_with_the_deciding_model_and_show_formula_and_inputs(full_study: Path) -> None:
    finding = find(counts_of(full_study), settings=Settings(n_resamples=50)).overall
    shown = ceiling_rows(finding, deciding="gap_linear")
    assert [row.deciding for row in shown] == [True, False, False, False, False]
    assert shown[0].inputs == f"gap = {words.number(finding.gap.value)}"
    assert {row.name for row in shown} == set(words.CEILINGS.values())


def test_a_ceiling_without_an_interval_says_why_in_its_place(full_study: Path) -> None:
    found = find(counts_of(full_study), settings=Settings(n_resamples=50)).overall.ceilings
    lone = without_interval(0.8, n=9, method="ceiling", because="there is one concept")
    missing = unknown("nothing is rated", n=0, method="ceiling")
    made = {"label_noise": lone, "propagation": missing, "published": found["published"].estimate}
    finding = SimpleNamespace(ceilings={name: replace(found[name], estimate=one) for name, one in made.items()})
    shown = {row.name: row.interval for row in ceiling_rows(finding, deciding="label_noise")}
    assert shown[words.CEILINGS["label_noise"]] == "no interval: there is one concept"
    assert shown[words.CEILINGS["propagation"]] == "nothing is rated"
    assert shown[words.CEILINGS["published"]] == words.interval(found["published"].estimate) != ""


def test_lens_dots_keep_unmeasured_lenses_with_their_reason(full_study: Path) -> None:
    dots = lens_dots(data.load_lenses(full_study, RUN))
    assert all((row.f1 is None) == (row.reason is not None) for row in dots)
    assert any(row.reason for row in dots)
    assert all(dict(row.baselines)["always positive"] == pytest.approx(2 / 3) for row in dots if row.f1 is not None)


def test_a_number_without_an_interval_says_so_in_its_card(full_study: Path) -> None:
    counts, profiles = data.load_counts(full_study, RUN, JUDGE, form_rule="loop"), data.load_profiles(full_study, RUN)
    view = overview.overview(find(counts, settings=Settings(n_resamples=50)), counts, profiles, [])
    bare = replace(view.cards[0], ceiling=replace(view.cards[0].ceiling, low=None, high=None))
    shown = cards.quadrant(bare, largest_gap=view.largest_gap, colours=LIGHT)
    ceiling = shown.partition("<dt>F1 ceiling</dt>")[2].partition("</dd>")[0]
    assert f"<b>{words.number(bare.ceiling.value)}</b> <span>no interval</span>" in ceiling
    unrated = replace(bare, ceiling=unknown("no rating", method="mean"))
    assert "no interval" not in cards.quadrant(unrated, largest_gap=1.0, colours=LIGHT)
