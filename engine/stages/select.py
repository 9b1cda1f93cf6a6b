"""Choose the run's concepts and write down pack, run and choice; all of it in one transaction."""

import importlib.metadata
import json
import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from db import create_study
from db.rows import ConceptRow, PackRow, Row, RunConceptRow, RunRow, SenseRow, SiblingRow
from engine.config import StudyConfig
from engine.packs.folder import load_pack
from engine.packs.pack import Pack, SiblingCount
from engine.packs.pickers import choose_configured
from engine.packs.quadrants import Profile
from engine.prompts.templates import TemplateSet, load_templates
from engine.stages.imported import require_own
from engine.stages.progress import now
from engine.stages.stage import write_rows
from engine.subject.load import fingerprint, load_options


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run whose pack, templates and model have been found, with its identity."""

    run_id: str
    config: StudyConfig
    pack: Pack
    templates: TemplateSet
    model_fingerprint: str


def prepare_run(config: StudyConfig) -> PreparedRun:
    """Read pack and templates and identify the model; every fault of the settings shows here, before any work."""
    require_own(config)
    pack, templates = load_pack(config.pack), load_templates(config.template_set)
    model = fingerprint(config.model, load_options(config))
    run_id = config.run_id(model_fingerprint=model, pack_hash=pack.pack_hash, template_hash=templates.hash)
    return PreparedRun(run_id, config, pack, templates, model)


def select(study: Path, prepared: PreparedRun) -> tuple[Profile, ...]:
    """Choose concepts and record the run; doing it again changes nothing. PackError when no concept can be chosen."""
    chosen = choose(prepared)
    create_study(study)
    write_rows(
        study,
        [
            *pack_rows(prepared.pack),
            _run_row(prepared),
            *choice_rows(prepared.run_id, chosen, siblings=prepared.config.siblings),
            *sibling_rows(prepared.pack, chosen),
        ],
    )
    return chosen


def choose(prepared: PreparedRun) -> tuple[Profile, ...]:
    """The concepts that the settings select from the pack; PackError when there are none."""
    return choose_configured(prepared.pack, prepared.config)


def pack_rows(pack: Pack) -> Iterator[Row]:
    """A pack with its concepts and their senses."""
    made = pack.provenance
    yield PackRow(
        pack_hash=pack.pack_hash,
        name=pack.name,
        version=pack.version,
        source=pack.source,
        senses_mean=pack.senses_mean,
        n_concepts=len(pack.concepts),
        made_by=made.made_by if made else None,
        made_from=made.origin_name if made else None,
    )
    for concept in pack.concepts:
        yield ConceptRow(
            pack_hash=pack.pack_hash,
            concept=concept.term,
            pack_layer=concept.pack_layer,
            definition=concept.definition,
            aliases=concept.aliases,
            parents=concept.parents,
            n_senses=concept.n_senses,
            n_siblings_distinct=pack.n_siblings(concept.term, count="distinct"),
            n_siblings_study=pack.n_siblings(concept.term, count="study"),
            label=concept.label,
            origin=concept.origin,
            bucket=" · ".join(dict.fromkeys(name for _, name in concept.buckets)) or None,
        )
        for position, sense in enumerate(concept.senses):
            yield SenseRow(pack.pack_hash, concept.term, sense.id, position, sense.definition, sense.aliases)


def sibling_rows(pack: Pack, chosen: tuple[Profile, ...]) -> Iterator[SiblingRow]:
    """Siblings of the concepts that are chosen; those of a whole pack are millions, and follow from it."""
    for profile in chosen:
        for sibling in pack.siblings(profile.concept.term):
            yield SiblingRow(pack.pack_hash, profile.concept.term, sibling)


def _run_row(prepared: PreparedRun) -> RunRow:
    config = prepared.config
    libraries = ("lensgap", "torch", "transformers", "scikit-learn", "numpy", "duckdb")
    versions = {name: importlib.metadata.version(name) for name in libraries} | {"python": platform.python_version()}
    return RunRow(
        run_id=prepared.run_id,
        name=f"{Path(config.model).name} · {prepared.pack.name} · seed {config.seed}",
        created_at=now(),
        config=config.to_json(),
        model=config.model,
        model_fingerprint=prepared.model_fingerprint,
        pack_hash=prepared.pack.pack_hash,
        template_set=prepared.templates.name,
        template_hash=prepared.templates.hash,
        seed=config.seed,
        versions=json.dumps(versions),
    )


def choice_rows(run_id: str, chosen: Iterable[Profile], *, siblings: SiblingCount) -> Iterator[RunConceptRow]:
    """The concepts of a run in their order; `siblings` names the count that their quadrants go by."""
    for position, profile in enumerate(chosen):
        yield RunConceptRow(
            run_id=run_id,
            concept=profile.concept.term,
            position=position,
            quadrant=profile.quadrant,
            quadrant_reason=profile.reason,
            n_senses=profile.n_senses,
            n_siblings=profile.n_siblings,
            sibling_count=siblings,
        )
