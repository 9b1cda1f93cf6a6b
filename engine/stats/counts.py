"""What a study counts of its ratings: for each concept, arm and form the samples, and the histogram of their verdicts.

Input are the rows of the query `findings.counts`. A concept's counts also stand as one small array, its cells, so that what is
said of thousands of concepts together is a handful of sums over a stack of them; a rating that changes makes one concept anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, cast, get_args

import numpy as np

from engine.stats.form import Form
from engine.stats.histogram import RatingHistogram
from engine.stats.learning_curve import LearningCurve
from engine.stats.resampling import FloatArray

Arm = Literal["positive", "negative"]
FORMS: tuple[Form, ...] = ("empty", "short", "repetitive", "good")
ARMS: tuple[Arm, ...] = get_args(Arm)

CountRow = tuple[str, str, str | None, int, int, int, int, int, int, float, float]
"""concept, arm, form (null: not measured yet), n_samples, n_1 … n_5, off_total, off_squares"""

_CELL_FORMS: Final[tuple[Form | None, ...]] = (None, *FORMS)
_PLACES: Final = {form: place for place, form in enumerate(_CELL_FORMS)}
_SHAPE: Final = (len(ARMS), len(_CELL_FORMS), 8)


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """Samples of one arm by form, and the histogram of their verdicts by form; a form None is not measured yet."""

    n_samples: tuple[tuple[Form | None, int], ...] = ()
    verdicts: tuple[tuple[Form | None, RatingHistogram], ...] = ()

    @property
    def histogram(self) -> RatingHistogram:
        """Verdicts of all forms."""
        return RatingHistogram.merge(histogram for _, histogram in self.verdicts)

    @property
    def good(self) -> RatingHistogram:
        """Verdicts of good outputs."""
        return RatingHistogram.merge(histogram for form, histogram in self.verdicts if form == "good")

    @property
    def n(self) -> int:
        """Samples, rated or not."""
        return sum(n for _, n in self.n_samples)

    def n_of(self, form: Form) -> int:
        """Samples of that form."""
        return sum(n for other, n in self.n_samples if other == form)

    @property
    def n_measured(self) -> int:
        """Samples whose form is known."""
        return sum(n for form, n in self.n_samples if form is not None)

    def form_shares(self) -> dict[Form, float | None]:
        """Share of each form among measured samples; None while none is measured."""
        n = self.n_measured
        return {form: self.n_of(form) / n if n else None for form in FORMS}

    @classmethod
    def from_cells(cls, cells: FloatArray) -> "ArmCounts":
        """The counts of an arm's cells, shape (forms, 8); forms without a sample are left out."""
        present = [(form, cells[place].tolist()) for form, place in _PLACES.items() if cells[place, 0]]
        return cls(
            tuple((form, int(row[0])) for form, row in present),
            tuple((form, _histogram(row)) for form, row in present),
        )


@dataclass(frozen=True)
class ConceptCounts:
    """Both arms of one concept, with its place in the pack; pack layer None where the run's pack does not hold it.

    `curve` is its learning curve, where one has been measured: all of a concept that statements rest on stands here.
    """

    concept: str
    quadrant: str | None
    positive: ArmCounts
    negative: ArmCounts
    pack_layer: int | None = None
    curve: LearningCurve | None = None

    @cached_property
    def cells(self) -> FloatArray:
        """The same counts, shape (arms, forms, 8): samples, five rating counts, what bins take from sum and squares."""
        cells = np.zeros(_SHAPE)
        for arm, counts in enumerate((self.positive, self.negative)):
            for form, n in counts.n_samples:
                cells[arm, _PLACES[form], 0] = n
            for form, rated in counts.verdicts:
                cells[arm, _PLACES[form], 1:] = (*rated.counts, rated.off_total, rated.off_squares)
        return cells

    @cached_property
    def _hash(self) -> int:
        return hash((self.concept, self.quadrant, self.positive, self.negative, self.pack_layer, self.curve))

    def __hash__(self) -> int:
        # Kept, for findings on thousands of concepts are looked up by all of them.
        return self._hash


def stack_cells(concepts: tuple[ConceptCounts, ...]) -> FloatArray:
    """The cells of many concepts, shape (concepts, arms, forms, 8)."""
    return np.array([concept.cells for concept in concepts]).reshape(-1, *_SHAPE)


def rating_sums(cells: FloatArray, *, good: bool = False) -> FloatArray:
    """Sum and number of each concept's ratings by arm, shape (concepts, arms, 2), from stacked cells; of good outputs alone."""
    return _added_up(cells, _SUMS_OF_GOOD if good else _SUMS)


def rating_counts(cells: FloatArray) -> FloatArray:
    """How often each rating was given in each concept and arm, shape (concepts, arms, 5), from stacked cells."""
    return _added_up(cells, _COUNTS)


def formed_positives(cells: FloatArray) -> FloatArray:
    """Good positives of each concept, and those whose form is known, shape (concepts, 2), from stacked cells."""
    return _added_up(cells, _FORMED)[:, 0]


def _added_up(cells: FloatArray, weights: FloatArray) -> FloatArray:
    # One product of matrices, for sums over the short axes of many cells take numpy ten times as long.
    totals: FloatArray = cells.reshape(-1, len(ARMS), _SHAPE[1] * _SHAPE[2]) @ weights
    return totals


def _weights(of_row: FloatArray, forms: tuple[Form | None, ...] = _CELL_FORMS) -> FloatArray:
    """What each entry of an arm's cells adds to the columns of ``of_row``, shape (8, columns), where its form is one of these."""
    weights = np.zeros((*_SHAPE[1:], of_row.shape[1]))
    weights[[_PLACES[form] for form in forms]] = of_row
    return weights.reshape(-1, of_row.shape[1])


_SUM_AND_NUMBER: Final = np.array([[0, 1, 2, 3, 4, 5, 1, 0], [0, 1, 1, 1, 1, 1, 0, 0]], dtype=np.float64).T
_SUMS: Final = _weights(_SUM_AND_NUMBER)
_SUMS_OF_GOOD: Final = _weights(_SUM_AND_NUMBER, ("good",))
_COUNTS: Final = _weights(np.eye(8)[:, 1:6])
_FORMED: Final = np.hstack([_weights(np.eye(8)[:, :1], forms) for forms in (("good",), FORMS)])


def count_concepts(
    rows: Iterable[CountRow],
    *,
    quadrants: Mapping[str, str | None],
    pack_layers: Mapping[str, int | None] | None = None,
    curves: Mapping[str, LearningCurve] | None = None,
) -> list[ConceptCounts]:
    """Gather rows of `findings.counts`; every concept of `quadrants` is there, in that order, if only with no samples."""
    arms: dict[tuple[str, str], list[tuple[Form | None, int, RatingHistogram]]] = {}
    for concept, arm, form, n, n_1, n_2, n_3, n_4, n_5, off_total, off_squares in rows:
        histogram = RatingHistogram((n_1, n_2, n_3, n_4, n_5), off_total, off_squares)
        arms.setdefault((concept, arm), []).append((cast("Form | None", form), n, histogram))
    layers, curve_of = pack_layers or {}, curves or {}

    def arm_counts(concept: str, arm: Arm) -> ArmCounts:
        cells = sorted(arms.get((concept, arm), ()), key=lambda cell: cell[0] or "")
        return ArmCounts(tuple((f, n) for f, n, _ in cells), tuple((f, histogram) for f, _, histogram in cells))

    return [
        ConceptCounts(
            concept,
            quadrant,
            arm_counts(concept, "positive"),
            arm_counts(concept, "negative"),
            layers.get(concept),
            curve_of.get(concept),
        )
        for concept, quadrant in quadrants.items()
    ]


def _histogram(row: list[float]) -> RatingHistogram:
    _, n_1, n_2, n_3, n_4, n_5, off_total, off_squares = row
    return RatingHistogram((int(n_1), int(n_2), int(n_3), int(n_4), int(n_5)), off_total, off_squares)
