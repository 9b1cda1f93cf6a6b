"""A learning curve that is measured while the dashboard runs shows as the empirical ceiling at the next look."""

from pathlib import Path

from app import data
from app.viewmodels.concept import ceiling_rows
from db import insert, transaction
from db.rows import LearningCurveRow
from engine.stats.ceiling_models import CeilingName
from engine.stats.findings import Settings, find
from tests.support.synthetic_study import JUDGE, RUN, START

EMPIRICAL: CeilingName = "empirical"


def measured(concept: str) -> LearningCurveRow:
    sizes = (4, 6, 8, 12)
    covariance = tuple(0.001 + 0.0005 * (row == column) for row in range(4) for column in range(4))
    f1 = tuple(0.9 - 1.0 / n for n in sizes)
    kept = (RUN, concept, "lda", (3,), "output", "in_context", "mean")
    return LearningCurveRow(f"curve of {concept}", *kept, 20, 10, 8, sizes, f1, covariance, None, START)


def test_a_curve_that_is_new_is_shown_and_decides_the_target_where_it_is_chosen(study: Path) -> None:
    settings = Settings(n_resamples=50, model=EMPIRICAL)
    before = find(data.load_counts(study, RUN, JUDGE, form_rule="loop"), settings=settings)
    concept = next(iter(before.concepts))
    assert before.concepts[concept].ceilings[EMPIRICAL].estimate.value is None
    assert "lensgap curve" in before.concepts[concept].target.reason
    change = data.load_change(study)
    with transaction(study) as cursor:
        insert(cursor, [measured(concept)])
    # Open screens are drawn anew for a curve, though nothing else was written.
    assert data.load_change(study).work != change.work
    after = find(data.load_counts(study, RUN, JUDGE, form_rule="loop"), settings=settings)
    ceiling = after.concepts[concept].ceilings[EMPIRICAL]
    assert ceiling.estimate.value is not None
    assert after.overall.ceilings[EMPIRICAL].estimate.value == ceiling.estimate.value
    assert ceiling.estimate.low is not None
    value = after.concepts[concept].target.value
    assert value is None or value <= ceiling.estimate.low + 1e-9
    first = ceiling_rows(after.concepts[concept], deciding=EMPIRICAL)[0]
    assert (first.name, first.prevalence) == ("Empirical", "0.50")
    others = [one for name, one in after.concepts.items() if name != concept]
    assert all(one.ceilings[EMPIRICAL].estimate.value is None for one in others)
