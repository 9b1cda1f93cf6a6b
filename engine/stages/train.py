"""Train and measure the lenses of many concepts together; the stored lens is fitted on all pairs, its measures are out of fold.

A family that shares something between concepts learns it from a whole pool, whichever of its lenses are pending, so all of
a pool's lenses are scored at once and then measured and written a few at a time. Families that share nothing are fitted
a few concepts at a time from the start.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import duckdb

from db import query
from db.rows import Row
from engine.config import StudyConfig
from engine.errors import ConfigError
from engine.lens_groups import WITH_INPUT_NORM, LensGroup
from engine.lenses.baselines import TextBaselines
from engine.lenses.evaluate import Held, Validation, fit_pack, hold_out, measure, text_controls
from engine.lenses.interface import FittedLens, LeavesOut, LensFamily, Pools
from engine.lenses.joined import joined
from engine.lenses.pairs import Prepared, prepare
from engine.lenses.registry import FAMILIES, on_machine
from engine.own_lenses import present_groups
from engine.stages.lens_rows import MeasuredLens, lens_file, lens_rows, store_lens
from engine.stages.not_finite import left_out_sentence
from engine.stages.stage import Stage, in_batches
from engine.stages.training_sets import ConceptPairs, load_concepts
from engine.stages.training_words import alike_sentence, are_alike, says_the_same, unmeasured_sentence, with_left_out
from engine.stages.validation_words import trial_sentence

TOGETHER = 32
"""Concepts in a batch: as many networks as a stack holds, and few enough to write every few seconds."""


@dataclass(frozen=True, slots=True)
class PendingLens:
    """A lens that is not trained on the present pairs, with all that are pending beside it."""

    lens_id: str
    concept: str
    group: LensGroup
    pending: tuple[str, ...]


def training(
    study: Path, run_id: str, config: StudyConfig, *, layers: Sequence[int], concepts: Sequence[str] | None = None
) -> Stage[PendingLens]:
    """The stage that trains every family at every layer, and on all of them joined where asked, for every concept or some."""
    families = choose_families(config)
    asked = None if concepts is None else frozenset(concepts)
    trainer = _Trainer(study, run_id, config, families)

    def groups(cursor: duckdb.DuckDBPyConnection) -> Iterator[LensGroup]:
        return present_groups(cursor, run_id, config, families, layers=layers, concepts=asked)

    def pending(cursor: duckdb.DuckDBPyConnection) -> list[list[PendingLens]]:
        there = _present(cursor, study, run_id)
        return [batch for group in groups(cursor) for batch in in_batches(_missing(group, there), TOGETHER)]

    def n_total(cursor: duckdb.DuckDBPyConnection) -> int:
        return sum(len(group.lens_ids) for group in groups(cursor))

    return Stage("train", pending, trainer.work, n_total, last_word=trainer.last_word)


def _present(cursor: duckdb.DuckDBPyConnection, study: Path, run_id: str) -> set[str]:
    """Ids of the lenses that are trained; one whose file is gone is trained again, and measured as it was.

    A study that was handed on without its activations has nothing to train on, and its lenses' files are not missed.
    """
    rows = cursor.execute(query("stages.lens_ids"), {"run_id": run_id}).fetchall()
    may_train = (study / "activations").is_dir()
    return {
        lens_id
        for lens_id, layers, is_fitted in rows
        if not (may_train and is_fitted) or lens_file(study, run_id, layers, lens_id).is_file()
    }


def _missing(group: LensGroup, there: set[str]) -> list[PendingLens]:
    missing = {concept: lens_id for concept, lens_id in group.lens_ids.items() if lens_id not in there}
    together = tuple(missing)
    return [PendingLens(lens_id, concept, group, together) for concept, lens_id in missing.items()]


def choose_families(config: StudyConfig) -> dict[str, LensFamily]:
    """The families asked for; ConfigError for one that we do not know, or that cannot be validated as asked."""
    names = config.lenses
    for name in names:
        if name not in FAMILIES:
            raise ConfigError(f'There is no lens family "{name}".', hint=f"Known families: {', '.join(FAMILIES)}.")
        if config.validation == "leave-one-group-out" and not isinstance(FAMILIES[name], LeavesOut):
            able = ", ".join(known for known, family in FAMILIES.items() if isinstance(family, LeavesOut))
            raise ConfigError(f"{name} cannot leave groups out without refits.", hint=f"Families that can: {able}.")
    if config.join_layers:
        _require_joinable(config)
    return {name: FAMILIES[name] for name in names}


def _require_joinable(config: StudyConfig) -> None:
    if set(config.lenses) == {WITH_INPUT_NORM}:
        raise ConfigError(
            f"{WITH_INPUT_NORM} cannot read layers joined: it normalises an activation as a whole, so that the layer of the "
            "largest norm would drown the others.",
            hint="Name another family beside it, or leave join_layers off.",
        )
    if config.validation != "folds":
        raise ConfigError(
            "Layers joined are scaled by their training rows, so leaving a group out takes refits.",
            hint="Set validation to folds, or join_layers off.",
        )


def not_joined_sentence(config: StudyConfig) -> str | None:
    """Say that a family's lenses read each layer alone, where others read them joined; None where all do as asked."""
    if not (config.join_layers and WITH_INPUT_NORM in config.lenses):
        return None
    return f"{WITH_INPUT_NORM} reads each layer separately because it normalises an activation as a whole."


class _Trainer:
    """Works off batches; keeps what the next batch of the same pool wants again: its pairs, and what was held out."""

    def __init__(self, study: Path, run_id: str, config: StudyConfig, families: Mapping[str, LensFamily]) -> None:
        self._study, self._run_id, self._config = study, run_id, config
        self._families = families
        self._validation = Validation(config.folds, config.repeats, config.validation == "leave-one-group-out")
        self._pool: tuple[tuple[int, ...], tuple[str, ...]] | None = None
        self._pairs: dict[str, ConceptPairs] = {}
        self._prepared: dict[str, Prepared] = {}
        self._group: LensGroup | None = None
        self._held: dict[str, tuple[Held, FittedLens]] = {}
        self._texts: dict[int, TextBaselines] = {}
        self._not_finite: set[tuple[str, str]] = set()
        self._unmeasured: dict[str, str] = {}
        self._alike: set[str] = set()

    def work(self, batch: list[PendingLens]) -> Sequence[Row]:
        """Measure lenses of one group."""
        group = batch[0].group
        self._load(group)
        family = joined(_placed(self._families[group.family], self._config), len(group.layers))
        if isinstance(family, Pools):
            if self._group != group:
                self._held, self._group = self._hold_out(family, batch[0].pending), group
            held = self._held
        else:
            held = self._hold_out(family, [item.concept for item in batch])
        beside = self._controls([item.concept for item in batch])
        return list(chain.from_iterable(self._measure(item, family, held, beside) for item in batch))

    def last_word(self) -> str | None:
        """Say which samples were left out of the lenses measured so far because an activation of theirs is not finite.

        And which concepts have no F1 or one that means nothing, which family no lenses over joined layers, and where the
        settings are not the run's.
        """
        trial = trial_sentence(self._study, self._run_id, self._config)
        of_concepts = (unmeasured_sentence(self._unmeasured), alike_sentence(self._alike))
        said = (left_out_sentence(self._not_finite), *of_concepts, not_joined_sentence(self._config), trial)
        return "\n".join(filter(None, said)) or None

    def _load(self, group: LensGroup) -> None:
        if self._pool == (group.layers, group.pool):
            return
        # What belongs to a pool is given back before the next is read; its texts are the same at every layer.
        if self._pool and self._pool[1] != group.pool:
            self._texts = {}
        self._pool, self._group = None, None
        self._pairs, self._prepared, self._held = {}, {}, {}
        self._pairs = load_concepts(self._study, self._run_id, self._config, concepts=group.pool, layers=group.layers)
        sets = [self._pairs[concept].pairs for concept in group.pool]
        prepared = prepare(sets, n_folds=self._config.folds, repeats=self._config.repeats, seed=self._config.seed)
        self._prepared = dict(zip(group.pool, prepared, strict=True))
        self._pool = (group.layers, group.pool)

    def _hold_out(self, family: LensFamily, concepts: Sequence[str]) -> dict[str, tuple[Held, FittedLens]]:
        """Score concepts out of fold and fit their lenses; those that cannot be cross-validated are missing."""
        names, everything, seed = list(self._prepared), list(self._prepared.values()), self._config.seed
        sound = [concept for concept in concepts if self._prepared[concept].reason is None]
        wanted = [names.index(concept) for concept in sound]
        held = hold_out(family, everything, wanted, seed=seed, validation=self._validation)
        lenses = fit_pack(family, everything, wanted, seed=seed)
        return dict(zip(sound, zip(held, lenses, strict=True), strict=True))

    def _controls(self, concepts: Sequence[str]) -> dict[str, TextBaselines]:
        """Text baselines, which the layers and families of the same pairs have in common."""
        sound = [one for concept in concepts if (one := self._prepared[concept]).reason is None]
        keys = {one.name: (one.name, *one.texts, one.y.tobytes(), one.folds[0].tobytes()) for one in sound}
        lacking = [one for one in sound if hash(keys[one.name]) not in self._texts]
        for one, found in zip(lacking, text_controls(lacking, seed=self._config.seed), strict=True):
            self._texts[hash(keys[one.name])] = found
        return {name: self._texts[hash(key)] for name, key in keys.items()}

    def _measure(
        self,
        item: PendingLens,
        family: LensFamily,
        held: Mapping[str, tuple[Held, FittedLens]],
        beside: Mapping[str, TextBaselines],
    ) -> Iterator[Row]:
        scored, lens = held.get(item.concept, (None, None))
        found = measure(
            family,
            self._prepared[item.concept],
            scored,
            beside.get(item.concept),
            seed=self._config.seed,
            validation=self._validation,
        )
        layers, pairs = item.group.layers, self._pairs[item.concept]
        self._not_finite |= {(item.concept, sample_id) for sample_id in pairs.not_finite}
        if found.reason:
            found = replace(found, reason=with_left_out(found.reason, pairs))
            self._unmeasured[item.concept] = found.reason or ""
        # Activations are read once more for few lenses alone.
        elif says_the_same(found.rounds[0].probability, found.rounds[0].fold) and are_alike(pairs.pairs.read()):
            self._alike.add(item.concept)
        if lens is not None:
            store_lens(lens.state(), lens_file(self._study, self._run_id, layers, item.lens_id))
        measured = MeasuredLens(
            item.lens_id, self._run_id, item.concept, layers, pairs.sample_ids, pairs.n_excluded, found, lens
        )
        return lens_rows(measured, self._config)


def _placed(family: LensFamily, config: StudyConfig) -> LensFamily:
    """The family on a GPU where the settings or the machine have one."""
    import torch

    device = config.device or ("cuda" if torch.cuda.is_available() else "cpu")
    return family if device == "cpu" else on_machine(family, device=device, memory_mib=config.memory_mib)
