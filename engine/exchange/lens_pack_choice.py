"""Which lenses of a run go into a pack, which stay out and why, and where each of them fires."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from engine.config import StudyConfig
from engine.errors import ConfigError
from engine.exchange.lens_pack import LeftOut
from engine.lenses.crossval import NEUTRAL, THRESHOLD_ROWS, best_threshold
from engine.lenses.registry import FAMILIES
from engine.lists import parted_names
from engine.stages.imported import require_own


@dataclass(frozen=True, slots=True)
class Choice:
    """Which lenses are asked for; what is None or empty is as the run has it."""

    family: str | None = None
    phase: str | None = None
    mode: str | None = None
    pool: str | None = None
    layers: tuple[int, ...] = ()
    concepts: tuple[str, ...] = ()
    min_f1: float | None = None
    only_joined: bool = False


@dataclass(frozen=True, slots=True)
class StudyLens:
    """A lens of the run with its measures."""

    lens_id: str
    concept: str
    family: str
    layer: int | None
    layers: tuple[int, ...]
    phase: str
    mode: str
    pool: str
    n_positive: int
    n_negative: int
    n_excluded: int
    n_groups: int
    threshold: float | None
    f1: float | None
    f1_low: float | None
    f1_high: float | None
    precision: float | None
    recall: float | None
    auc: float | None
    average_precision: float | None
    always_positive_f1: float | None
    shuffled_f1: float | None
    text_only_f1: float | None
    length_only_f1: float | None
    reason: str | None
    trained_at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """A lens of the run, with the name and the pack layer of its concept."""

    row: StudyLens
    label: str | None
    pack_layer: int

    @property
    def kind(self) -> tuple[str, str, str, str]:
        """What all lenses of a pack have in common: family, phase, mode and pool."""
        return self.row.family, self.row.phase, self.row.mode, self.row.pool


def choose_lenses(
    candidates: Sequence[Candidate], choice: Choice, *, settings: StudyConfig
) -> tuple[list[Candidate], list[LeftOut]]:
    """The lenses asked for that were fitted and are good enough, and the others of their kind with the reason.

    Where several kinds fit what is asked for, the first family of the run's settings is taken, in their phase, mode and pool
    where it was trained so; of kinds that are equally far from the settings, the one trained last.
    ConfigError names a layer or concept that has no lens.
    """
    alike = _of_one_kind(candidates, choice, settings)
    concepts = {c.row.concept for c in alike}
    _require_layers({c.row.layers for c in alike}, choice)
    named = parted_names(choice.concepts, concepts)
    for concept in named:
        if concept not in concepts:
            raise ConfigError(f'No such lens was trained for the concept "{concept}".')
    asked = [one for one in alike if _reads(one.row.layers, choice) and one.row.concept in (named or concepts)]
    reasons = {one.row.lens_id: _why_not(one.row, choice.min_f1) for one in asked}
    left_out = [
        LeftOut(one.row.concept, one.row.layer, one.row.lens_id, reason, one.row.layers)
        for one in asked
        if (reason := reasons[one.row.lens_id]) is not None
    ]
    return [one for one in asked if reasons[one.row.lens_id] is None], left_out


def _require_layers(trained: set[tuple[int, ...]], choice: Choice) -> None:
    for layer in choice.layers:
        if (layer,) not in trained:
            known = ", ".join(str(one[0]) for one in sorted(trained) if len(one) == 1)
            raise ConfigError(
                f"No such lens was trained at layer {layer}.", hint=f"There are lenses at layers {known}."
            )
    if choice.only_joined and all(len(one) == 1 for one in trained):
        raise ConfigError("No such lens was trained on layers joined.", hint="Train them: lensgap train --join-layers.")


def _reads(layers: tuple[int, ...], choice: Choice) -> bool:
    """Whether a lens reads what is asked for: one of the layers named, several joined, or anything where neither is."""
    if len(layers) > 1:
        return choice.only_joined or not choice.layers
    return layers[0] in choice.layers or not (choice.layers or choice.only_joined)


def _of_one_kind(candidates: Iterable[Candidate], choice: Choice, settings: StudyConfig) -> list[Candidate]:
    wanted = (choice.family, choice.phase, choice.mode, choice.pool)
    there = list(candidates)
    if not there:
        require_own(settings)
    fitting = [c for c in there if all(w in (None, had) for w, had in zip(wanted, c.kind, strict=True))]
    if not fitting:
        asked = " ".join(word for word in wanted if word)
        raise ConfigError(f"The run has no {asked + ' ' if asked else ''}lenses.", hint="Train them: lensgap train.")
    order = {family: place for place, family in enumerate(settings.lenses)}
    family = min((c.row.family for c in fitting), key=lambda name: (order.get(name, len(order)), name))
    of_family = [c for c in fitting if c.row.family == family]
    nearest = max(of_family, key=lambda c: (*_alike(c.row, settings), c.row.trained_at, c.row.lens_id))
    return [c for c in fitting if c.kind == nearest.kind]


def _alike(row: StudyLens, settings: StudyConfig) -> tuple[bool, bool, bool]:
    """Whether a lens has the phase, the mode and the pool of the settings."""
    return row.phase == settings.phase, row.mode == settings.mode, row.pool == settings.pool


def _why_not(row: StudyLens, min_f1: float | None) -> str | None:
    if row.f1 is None:
        return row.reason
    if min_f1 is not None and row.f1 < min_f1:
        return f"its F1 of {row.f1:.3f} is below {min_f1:g}"
    return None


def choose_threshold(
    family: str, arms: Sequence[int], probabilities: Sequence[float], stored: float | None = None
) -> tuple[float, str]:
    """The threshold of a lens that was fitted on all its pairs, and the rule that gave it; the stored one if there is one.

    It is the rule by which thresholds were chosen inside the training folds when the F1 was measured, on all pairs.
    """
    if family not in FAMILIES:
        return NEUTRAL, "this version does not know the family; logit 0"
    if not FAMILIES[family].chooses_threshold:
        return NEUTRAL, "the family fires at logit 0"
    if len(arms) < THRESHOLD_ROWS:
        return NEUTRAL, f"fewer than {THRESHOLD_ROWS} pairs; logit 0"
    if stored is None:
        stored = best_threshold(np.array(arms, dtype=np.int64), np.array(probabilities, dtype=np.float64))
    return stored, "best F1 of the probabilities out of fold"
