"""Lenses evaluated honestly, many concepts at once: cross-validated out of fold, with what each must beat beside it.

Everything here belongs to rows and concepts, not to positions: both are put into an order of their own first and the
results are put back, so the caller's order changes nothing, to the last bit. Intervals resample groups. What the data
cannot support is unknown with a reason, never an F1 of 0.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.lenses.baselines import TextBaselines, text_baselines
from engine.lenses.crossval import (
    NEUTRAL,
    HeldOut,
    Rows,
    choose_threshold,
    f1_of,
    fit_all,
    leave_groups_out,
    out_of_fold,
)
from engine.lenses.folds import IntArray, trains_both_arms
from engine.lenses.interface import AnyFloats, FittedLens, LensFamily, Scores
from engine.lenses.measures import measure_scores, pairs_needed
from engine.lenses.pairs import PairSet, Prepared, prepare
from engine.stats.classification import always_positive_f1, f1_interval
from engine.stats.estimate import Estimate, unknown, without_interval


@dataclass(frozen=True, slots=True)
class Validation:
    """How lenses are cross-validated: in folds or group by group, in how many folds, and how many times over."""

    n_folds: int = 5
    repeats: int = 1
    leave_one_group_out: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """One concept's held-out results: round by round with its own arms, and once with shuffled ones."""

    rounds: tuple[HeldOut, ...]
    shuffled: HeldOut
    shuffled_arms: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class LensEvaluation:
    """A family's held-out performance on one concept, layer and phase, beside what a lens must beat.

    `rounds` and `measures` are empty exactly when `reason` says why the rows cannot be cross-validated; `n_pairs_more` is
    then what they lack at least. `threshold` is that of a lens fitted on all rows.
    """

    family: str
    n_positive: int
    n_negative: int
    n_groups: int
    rounds: tuple[Scores, ...]
    measures: dict[str, Estimate]
    threshold: float | None
    reason: str | None
    n_pairs_more: int | None


def evaluate(
    family: LensFamily,
    X: AnyFloats,
    y: IntArray,
    *,
    groups: IntArray,
    texts: Sequence[str],
    seed: int,
    validation: Validation = Validation(),
) -> LensEvaluation:
    """Evaluate a family on one concept: activations [n, d] with arms [n], 1 positive and 0 negative.

    `groups` are held out whole; rows of equal text are joined in any case. Raises ValueError for lengths that differ, arms
    other than 0 and 1, and activations that are not finite, naming their rows.
    """
    _check(X, y, groups, texts)
    order = sorted(range(len(y)), key=lambda i: X[i].tobytes())
    mixed = PairSet(
        name="",
        y=np.asarray(y, dtype=np.int64)[order],
        templates=[str(groups[i]) for i in order],
        texts=[texts[i] for i in order],
        read=lambda: X[order],
    )
    [found] = evaluate_pack(family, [mixed], seed=seed, validation=validation)
    place = np.argsort(order)
    rounds = [Scores(each.probability[place], each.fold[place], each.fires[place]) for each in found.rounds]
    return replace(found, rounds=tuple(rounds))


def evaluate_pack(
    family: LensFamily,
    sets: Sequence[PairSet],
    *,
    seed: int,
    validation: Validation = Validation(),
) -> list[LensEvaluation]:
    """Evaluate a family on many concepts of different names, which share what the family shares; as `sets` are ordered."""
    order = sorted(range(len(sets)), key=lambda i: sets[i].name)
    concepts = prepare([sets[i] for i in order], n_folds=validation.n_folds, repeats=validation.repeats, seed=seed)
    sound = [place for place, one in enumerate(concepts) if one.reason is None]
    held = dict(zip(sound, hold_out(family, concepts, sound, seed=seed, validation=validation), strict=True))
    beside = dict(zip(sound, text_controls([concepts[place] for place in sound], seed=seed), strict=True))
    found = {
        order[place]: measure(family, one, held.get(place), beside.get(place), seed=seed, validation=validation)
        for place, one in enumerate(concepts)
    }
    return [found[i] for i in range(len(sets))]


def hold_out(
    family: LensFamily, concepts: Sequence[Prepared], wanted: Sequence[int], *, seed: int, validation: Validation
) -> list[Held]:
    """Score the wanted concepts out of fold; all of them take part in what the family shares."""
    sound = [place for place, one in enumerate(concepts) if one.reason is None]
    asked = [sound.index(place) for place in wanted]
    rows = [[one.rows(r) for one in (concepts[place] for place in sound)] for r in range(validation.repeats)]
    shuffled = [replace(one, y=shuffled_arms(concepts[place], seed)) for place, one in zip(sound, rows[0], strict=True)]
    if validation.leave_one_group_out:
        rounds = [_leave_out(family, rows[0], asked, seed)]
        control = leave_groups_out(family, shuffled, wanted=asked)
    else:
        rounds = [out_of_fold(family, some, seed=seed + r, wanted=asked) for r, some in enumerate(rows)]
        control = out_of_fold(family, shuffled, seed=seed, wanted=asked)
    return [Held(tuple(each[i] for each in rounds), control[i], shuffled[place].y) for i, place in enumerate(asked)]


def fit_pack(family: LensFamily, concepts: Sequence[Prepared], wanted: Sequence[int], *, seed: int) -> list[FittedLens]:
    """Fit the wanted concepts' lenses on all their rows, with what the family learns from all of the concepts."""
    sound = [place for place, one in enumerate(concepts) if one.reason is None]
    asked = [sound.index(place) for place in wanted]
    return list(fit_all(family, [concepts[place].rows(0) for place in sound], seed=seed, wanted=asked))


def text_controls(concepts: Sequence[Prepared], *, seed: int) -> list[TextBaselines]:
    """Cross-validate the text baselines of concepts that can be, on the folds of their first round."""
    return text_baselines([one.rows(0) for one in concepts], [one.texts for one in concepts], seed=seed)


def measure(
    family: LensFamily,
    concept: Prepared,
    held: Held | None,
    beside: TextBaselines | None,
    *,
    seed: int,
    validation: Validation,
) -> LensEvaluation:
    """Measure what was held out, in the order of the concept's set; without scores the concept's reason is handed on."""
    empty = LensEvaluation(
        family=family.name,
        n_positive=int(concept.y.sum()),
        n_negative=int((1 - concept.y).sum()),
        n_groups=len(np.unique(concept.groups)),
        rounds=(),
        measures={},
        threshold=None,
        reason=concept.reason,
        n_pairs_more=pairs_needed(concept.y, concept.groups, n_folds=validation.n_folds),
    )
    if held is None or beside is None:
        return empty
    rounds = [each.scores for each in held.rounds]
    measures = measure_scores(concept.y, rounds, groups=concept.groups, facts=concept.facts, seed=seed)
    back = [Scores(s.probability[concept.place], s.fold[concept.place], s.fires[concept.place]) for s in rounds]
    return replace(
        empty,
        rounds=tuple(back),
        measures={**measures, **_controls(concept, held, beside)},
        threshold=choose_threshold(family, concept.y, rounds),
    )


def _controls(concept: Prepared, held: Held, beside: TextBaselines) -> dict[str, Estimate]:
    """Return what stands beside the F1: the floors, the controls, and the F1 on training rows."""
    y, groups = concept.y, concept.groups
    always = always_positive_f1(float(y.mean()))
    train = [each.train_f1 for each in held.rounds if each.train_f1 is not None]
    return {
        "always_positive_f1": without_interval(
            always, n=len(y), method="2π / (1 + π)", because="it follows from the numbers of positives and negatives"
        ),
        "shuffled_f1": _of_first(held, f1_interval(held.shuffled_arms, held.shuffled.scores.fires, groups)),
        "text_only_f1": _of_first(held, f1_interval(y, beside.text_only, groups)),
        "length_only_f1": _of_first(held, f1_interval(y, beside.length_only, groups)),
        "train_f1": without_interval(
            float(np.mean(train)),
            n=len(y),
            method="mean F1 on training rows",
            because="the training rows were used for fitting",
        )
        if train
        else unknown("no training row is positive or predicted positive", n=len(y), method="mean F1 on training rows"),
    }


def _of_first(held: Held, control: Estimate) -> Estimate:
    """Say of a control that it is of the first round alone, where there are several.

    Rounds take the noise of drawing folds out of the F1 that is reported. A control is read over many concepts, whose folds
    are drawn apart, and text classifiers of every round would cost more than the lenses.
    """
    n = len(held.rounds)
    return control if n == 1 else replace(control, method=f"{control.method}; the first of {n} rounds")


def _leave_out(family: LensFamily, rows: Sequence[Rows], asked: Sequence[int], seed: int) -> list[HeldOut]:
    """Leave groups out, with the F1 of lenses fitted on all rows as that on training rows."""
    found = leave_groups_out(family, rows, wanted=asked)
    lenses = fit_all(family, rows, seed=seed, wanted=asked)
    return [
        replace(one, train_f1=_f1(rows[place], lens)) for one, place, lens in zip(found, asked, lenses, strict=True)
    ]


def _f1(rows: Rows, lens: FittedLens) -> float | None:
    everything = np.ones(len(rows.y), dtype=np.bool_)
    return f1_of(rows.y, lens.predict_probability(rows.features(everything)) >= NEUTRAL)


def _check(X: AnyFloats, y: IntArray, groups: IntArray, texts: Sequence[str]) -> None:
    if X.ndim != 2 or not len(X) == len(y) == len(groups) == len(texts):
        raise ValueError(f"activations {X.shape}, {len(y)} arms, {len(groups)} groups and {len(texts)} texts differ")
    if not np.isin(y, (0, 1)).all():
        raise ValueError("arms are 1 (positive) and 0 (negative)")
    bad = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(bad):
        named = ", ".join(str(row) for row in bad[:10]) + (", …" if len(bad) > 10 else "")
        raise ValueError(f"activations of {len(bad)} rows are not finite: {named}")


def shuffled_arms(concept: Prepared, seed: int) -> IntArray:
    """Permute labels over rows with the folds unmoved, again until every training part holds both arms.

    The permutation follows from the texts: one that all concepts of a size shared would agree with the truth equally often
    in each of them, a chance that no mean over concepts evens out.
    """
    texts = hashlib.blake2b("\0".join(concept.texts).encode(errors="surrogatepass"), digest_size=8).digest()
    rng = np.random.default_rng([seed, int.from_bytes(texts, "big")])
    while True:
        permuted = rng.permutation(concept.y)
        if trains_both_arms(permuted, concept.folds[0]):
            return permuted
