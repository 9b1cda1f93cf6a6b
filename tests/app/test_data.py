from pathlib import Path

import pytest

from app import data
from app.data.ratings import rating_row, undoing_row
from app.data.samples import PAGE_ROWS
from db import connect, insert, query, transaction
from db.rows import JudgeRow, JudgmentRow
from tests.support.synthetic_study import JUDGE, RUN, START, build_study


def page_of(folder: Path, filters: data.Filters, *, number: int = 1, sort: data.Sort = "run") -> data.PairPage:
    return data.load_page(folder, RUN, JUDGE, filters, number=number, sort=sort, form_rule="loop")


def everything(folder: Path, filters: data.Filters, *, sort: data.Sort = "run") -> list[data.PageRow]:
    first = page_of(folder, filters, sort=sort)
    return [row for i in range(first.n_pages) for row in page_of(folder, filters, number=i + 1, sort=sort).rows]


def test_pages_hold_every_pair_once(full_study: Path) -> None:
    rows = everything(full_study, data.Filters())
    n_total = page_of(full_study, data.Filters()).n_total
    assert len(rows) == len({(row.concept, row.sample_id) for row in rows}) == n_total == 14 * 20


@pytest.mark.parametrize(
    ("filters", "holds"),
    [
        (data.Filters(quadrants=("C",)), lambda row: row.quadrant == "C"),
        (data.Filters(quadrants=("none", "A")), lambda row: row.quadrant in (None, "A")),
        (data.Filters(concept="vodka"), lambda row: row.concept == "vodka"),
        (data.Filters(arm="negative"), lambda row: row.arm == "negative"),
        (data.Filters(kinds=("sibling", "opposite")), lambda row: row.negative_kind in ("sibling", "opposite")),
        (data.Filters(forms=("empty", "repetitive")), lambda row: row.form in ("empty", "repetitive")),
        (data.Filters(ratings=(0, 5)), lambda row: row.bin in (None, 5)),
        (data.Filters(source="override"), lambda row: row.verdict_source == "override"),
    ],
)
def test_a_filter_passes_exactly_what_it_says(full_study: Path, filters: data.Filters, holds) -> None:  # type: ignore[no-untyped-def]
    passing = {(row.concept, row.sample_id) for row in everything(full_study, filters)}
    wanted = {(row.concept, row.sample_id) for row in everything(full_study, data.Filters()) if holds(row)}
    assert passing == wanted


def test_search_takes_its_text_literally_and_finds_it_in_output_or_prompt(full_study: Path) -> None:
    with connect(full_study) as cursor:
        texts = cursor.execute(
            "select output, prompt, sample_id from samples join prompts using (sample_id)"
        ).fetchall()
    for needle in ("<SCRIPT>", "%", "_", "$x^2$", "Describe", "\x00"):
        found = {row.sample_id for row in everything(full_study, data.Filters(text=needle))}
        wanted = {
            s for output, prompt, s in texts if needle.lower() in output.lower() or needle.lower() in prompt.lower()
        }
        assert found == wanted, needle


def test_a_page_beyond_the_last_is_the_last(full_study: Path) -> None:
    last = page_of(full_study, data.Filters(), number=10_000)
    assert last.number == last.n_pages == -(-14 * 20 // PAGE_ROWS)
    assert page_of(full_study, data.Filters(text="no such text"), number=7).n_total == 0


def test_pairs_that_the_judge_is_least_certain_of_come_first_and_unknown_ones_last(tmp_path: Path) -> None:
    folder = build_study(tmp_path / "study", n_concepts=2, n_pairs=6, lensed=False)
    shares = {0: (0.5, 0, 0, 0, 0.5), 1: (0, 0, 1, 0, 0), 2: (0, 0.5, 0, 0.5, 0)}
    with transaction(folder) as cursor:
        insert(cursor, [JudgeRow("sure", "local", "m", "standard", "h", "{}", False, START)])
        pairs = cursor.execute("select concept, sample_id from pairs order by all limit 4").fetchall()
        for i, pair in enumerate(pairs):
            known = {"probabilities": shares[i], "expected_rating": 3.0} if i in shares else {}
            insert(cursor, [JudgmentRow("sure", *pair, 0, 3, None, None, "raw", 1, 1, 0.0, START, **known)])
    page = data.load_page(folder, RUN, "sure", data.Filters(), number=1, sort="unsure", form_rule="loop")
    assert [(row.concept, row.sample_id) for row in page.rows[:3]] == [pairs[0], pairs[2], pairs[1]]


@pytest.mark.parametrize("sort", ["lowest", "highest"])
def test_sorted_pages_are_in_order_and_unrated_come_last(full_study: Path, sort: data.Sort) -> None:
    verdicts = [row.verdict for row in everything(full_study, data.Filters(), sort=sort)]
    rated = [verdict for verdict in verdicts if verdict is not None]
    assert rated == sorted(rated, reverse=sort == "highest")
    assert verdicts[len(rated) :] == [None] * (len(verdicts) - len(rated))


def test_hostile_outputs_come_back_whole(full_study: Path) -> None:
    from tests.support.synthetic_texts import HOSTILE_OUTPUTS

    for i, output in enumerate(HOSTILE_OUTPUTS[:4]):
        pair = data.load_pair(
            full_study, RUN, JUDGE, concept="sense organ", sample_id=f"sample-000-{i:04d}", form_rule="loop"
        )
        assert pair is not None
        assert pair.detail.output == output


def test_a_pair_tells_the_same_verdict_as_the_view_of_all_pairs(study: Path) -> None:
    rows = page_of(study, data.Filters()).rows[:6]
    for n, row in enumerate(rows[:4]):
        pair = {"concept": row.concept, "sample_id": row.sample_id}
        if n in (1, 2):
            with transaction(study) as cursor:
                drawn = {"source": "audit", "inclusion_probability": 0.5}
                insert(cursor, [rating_row(RUN, **pair, reviewer="Bo", rating_id=f"audit-{n}", rating=4, **drawn)])
        if n != 1:
            data.add_override(study, RUN, **pair, rating=5, reviewer="Ada", reason=None, rating_id=f"override-{n}")
        if n == 3:
            data.undo_override(study, RUN, **pair, reviewer="Ada", rating_id="override-3")
    with connect(study) as cursor:
        view = cursor.execute(
            "select sample_id, concept, arm, negative_kind, verdict, bin, verdict_source, judge_rating, judge_spread, n_votes, "
            "n_unscored from verdicts(?, ?)",
            [RUN, JUDGE],
        ).fetchall()
    told = {(sample_id, concept): rest for sample_id, concept, *rest in view}
    for row in rows:
        found = data.load_pair(study, RUN, JUDGE, concept=row.concept, sample_id=row.sample_id, form_rule="loop").detail
        assert told[row.sample_id, row.concept] == [
            *(found.arm, found.negative_kind, found.verdict, found.bin, found.verdict_source),
            *(found.judge_rating, found.judge_spread, found.n_votes, found.n_unscored),
        ]


def test_a_rating_sent_twice_is_stored_once(study: Path) -> None:
    row = page_of(study, data.Filters()).rows[0]
    sent = {"concept": row.concept, "sample_id": row.sample_id, "rating": 4, "reviewer": "Ada", "reason": None}
    assert data.add_override(study, RUN, rating_id="once", **sent)  # type: ignore[arg-type]
    assert not data.add_override(study, RUN, rating_id="once", **sent)  # type: ignore[arg-type]
    history = data.load_pair(study, RUN, JUDGE, concept=row.concept, sample_id=row.sample_id, form_rule="loop").history
    assert [(s.rating, s.reviewer, s.is_undone) for s in history] == [(4, "Ada", False)]


def test_undo_brings_back_what_stood_before_and_keeps_the_history(study: Path) -> None:
    row = page_of(study, data.Filters()).rows[0]
    pair = {"concept": row.concept, "sample_id": row.sample_id}
    for rating, rating_id in ((4, "first"), (2, "second")):
        data.add_override(study, RUN, **pair, rating=rating, reviewer="Ada", reason="so", rating_id=rating_id)

    def verdict() -> tuple[float | None, str | None]:
        found = data.load_pair(study, RUN, JUDGE, **pair, form_rule="loop")
        assert found is not None
        return found.detail.verdict, found.detail.verdict_source

    assert verdict() == (2, "override")
    assert data.undo_override(study, RUN, **pair, reviewer="Grace", rating_id="second")
    assert verdict() == (4, "override")
    assert not data.undo_override(study, RUN, **pair, reviewer="Grace", rating_id="second")
    assert verdict() == (4, "override")
    assert data.undo_override(study, RUN, **pair, reviewer="Grace", rating_id="first")
    assert verdict() == (row.verdict, row.verdict_source)
    assert len(data.load_pair(study, RUN, JUDGE, **pair, form_rule="loop").history) == 4


def test_an_undoing_that_was_undone_leaves_the_rating_in_force(study: Path) -> None:
    row = page_of(study, data.Filters()).rows[0]
    pair = {"concept": row.concept, "sample_id": row.sample_id}
    data.add_override(study, RUN, **pair, rating=4, reviewer="Ada", reason=None, rating_id="first")
    assert data.undo_override(study, RUN, **pair, reviewer="Ada", rating_id="first")
    with transaction(study) as cursor:
        insert(cursor, [undoing_row(RUN, **pair, reviewer="Grace", undoes="undo-first")])
    assert [(s.rating, s.is_undone) for s in data.load_pair(study, RUN, JUDGE, **pair, form_rule="loop").history] == [
        (4, False),
        (None, True),
        (None, False),
    ]
    found = data.load_pair(study, RUN, JUDGE, **pair, form_rule="loop")
    assert found is not None
    assert (found.detail.verdict, found.detail.verdict_source) == (4, "override")


def test_corrections_list_what_stands_beside_what_would(study: Path) -> None:
    row = page_of(study, data.Filters(ratings=(1,))).rows[0]
    data.add_override(
        study,
        RUN,
        concept=row.concept,
        sample_id=row.sample_id,
        rating=5,
        reviewer="Ada",
        reason="why",
        rating_id="one",
    )
    (correction,) = data.load_corrections(study, RUN, JUDGE, n_rows=5)
    assert (correction.judge_bin, correction.override_rating, correction.reason) == (1, 5, "why")


def test_corrections_tell_the_same_as_their_samples_however_many_are_asked_for_anew(study: Path) -> None:
    rows = page_of(study, data.Filters()).rows[:4]
    for n, row in enumerate(rows):
        pair = {"concept": row.concept, "sample_id": row.sample_id}
        if n == 1:
            with transaction(study) as cursor:
                drawn = {"source": "audit", "inclusion_probability": 0.5}
                insert(cursor, [rating_row(RUN, **pair, reviewer="Bo", rating_id="audit", rating=3, **drawn)])
        data.add_override(study, RUN, **pair, rating=5, reviewer="Ada", reason=None, rating_id=f"override-{n}")
        corrections = data.load_corrections(study, RUN, JUDGE, n_rows=3)
        assert [one.sample_id for one in corrections] == [row.sample_id for row in rows[n::-1]][:3]
        for one in corrections:
            found = data.load_pair(study, RUN, JUDGE, concept=one.concept, sample_id=one.sample_id, form_rule="loop")
            assert found is not None
            assert (one.arm, one.quadrant, one.judge_bin) == (
                found.detail.arm,
                found.detail.quadrant,
                found.detail.judge_bin,
            )
            assert one.excerpt == found.detail.output[:400]


def unsaid_in_memory(study: Path) -> tuple[int, int] | None:
    from app.data import browsing

    held = browsing.ask_if_held(study, RUN, JUDGE, "samples.unsaid")
    return held[1][0] if held else None


def unsaid_in_the_file(study: Path) -> tuple[int, ...]:
    asked = {"run_id": RUN, "judge_id": JUDGE}
    with connect(study) as cursor:
        found = [cursor.execute(query(f"visits.{name}"), asked).fetchone() for name in ("unscored", "spread")]
    return tuple(one[0] for one in found if one)


@pytest.mark.parametrize("in_memory", [False, True])
def test_counts_that_are_kept_follow_every_rating_and_new_work(
    study: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    from app.data import browsing, memory

    # Counts of one concept are taken from the pairs in memory where a list has put them there.
    monkeypatch.setattr(browsing, "_ALL_BELOW", 0 if in_memory else browsing._ALL_BELOW)
    told = [browsing.ask_if_held(study, RUN, JUDGE, "samples.counts", concepts=[""], form_rule="loop")]

    def kept_and_fresh() -> tuple[object, object]:
        kept = data.load_counts(study, RUN, JUDGE, form_rule="loop")
        memory._kept.clear()
        return kept, data.load_counts(study, RUN, JUDGE, form_rule="loop")

    rows = everything(study, data.Filters())
    before, _ = kept_and_fresh()
    for i, row in enumerate(rows[:6]):
        pair = {"concept": row.concept, "sample_id": row.sample_id}
        data.add_override(study, RUN, **pair, rating=1 + i % 5, reviewer="Ada", reason=None, rating_id=str(i))
        kept, fresh = kept_and_fresh()
        assert kept == fresh
    judged = {"run_id": RUN, "judge_id": JUDGE, "form_rule": "loop", "concept": None}
    with connect(study) as cursor:
        corrected = cursor.execute(query("ratings.corrected"), judged).fetchall()
    assert (
        data.load_moved(study, RUN, JUDGE, form_rule="loop") == tuple(data.Moved(*moved) for moved in corrected) != ()
    )
    assert unsaid_in_memory(study) == (unsaid_in_the_file(study) if in_memory else None)
    for i, row in enumerate(rows[:6]):
        pair = {"concept": row.concept, "sample_id": row.sample_id}
        data.undo_override(study, RUN, **pair, reviewer="Ada", rating_id=str(i))
        kept, fresh = kept_and_fresh()
        assert kept == fresh
    assert kept == before
    told.append(browsing.ask_if_held(study, RUN, JUDGE, "samples.counts", concepts=[""], form_rule="loop"))
    assert [one is None for one in told] == [True, not in_memory]
    with connect(study) as cursor:
        cursor.execute("delete from judgments where concept = ?", [rows[0].concept])
    kept, fresh = kept_and_fresh()
    assert kept == fresh != before
