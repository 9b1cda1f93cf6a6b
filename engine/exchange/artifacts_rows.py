"""What is imported as rows of a study: a run of its own with samples, forms, pairs and votes, written in one transaction.

The run's id is a hash of all that decides these rows, so that importing the same again adds nothing. Without a pack the concepts
become one of their own, kept in the study's folder, so that a judge can be asked about the run.
"""

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from db import connect, create_study, query
from db.rows import (
    ImportRow,
    JudgeRow,
    JudgmentRow,
    NegativeKind,
    PairRow,
    PromptRow,
    ReportedMeasureRow,
    Row,
    RunRow,
    SampleRow,
    TopicRow,
)
from engine.config import StudyConfig
from engine.errors import PackError
from engine.exchange.artifacts import NO_PROMPT, NO_RATING, NO_TOPIC, NOT_COUNTED, Imported, ImportedSample
from engine.judges.judge import JudgeIdentity
from engine.judges.vocabulary import Vocabulary
from engine.packs.folder import load_pack
from engine.packs.pack import Concept, Pack, SiblingCount
from engine.packs.quadrants import Profile, profile_pack
from engine.packs.write import write_pack
from engine.stages.form import form_row
from engine.stages.imported import PREFIX
from engine.stages.judge import judge_id, judge_row
from engine.stages.progress import now
from engine.stages.select import choice_rows, pack_rows, sibling_rows
from engine.stages.stage import write_rows
from engine.stats.quadrants import Bands, assign_quadrant

UNKNOWN = "unknown"
PACKS = "packs"
TEMPLATE = "imported"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a person says of imported texts: the pack of their concepts, the model that wrote them, and the judge."""

    pack: str | None = None
    siblings: SiblingCount = "distinct"
    model: str = UNKNOWN
    judge: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class Stored:
    """The run that was made, and what a person should be told about it."""

    run_id: str
    is_new: bool
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    """An import with all that decides its rows."""

    run_id: str
    imported: Imported
    origin: Origin
    pack: Pack
    profiles: tuple[Profile, ...]
    content_hash: str


def store(study: Path, imported: Imported, origin: Origin) -> Stored:
    """Write what was imported into the study, which is made where there is none; all of it or nothing."""
    run, notices = _prepare(imported, origin)
    folder = _pack_folder(study, run)
    create_study(study)
    with connect(study) as cursor:
        is_new = cursor.execute(query("stages.run"), {"run_id": run.run_id}).fetchone() is None
    if is_new:
        if origin.pack is None and not folder.is_dir():
            write_pack(run.pack, folder)
        write_rows(study, [*_run_rows(run, folder), *_sample_rows(run), *_vote_rows(run)])
    return Stored(run.run_id, is_new, notices)


def _prepare(imported: Imported, origin: Origin) -> tuple[_Run, tuple[str, ...]]:
    pack = load_pack(origin.pack) if origin.pack else _own_pack(imported)
    if missing := [concept for concept in imported.concepts if concept not in pack.by_term]:
        raise PackError(f'The pack {origin.pack} has no concept "{missing[0]}".', hint="Name no pack, or another.")
    if imported.kind == "samples" and origin.pack:
        imported = _with_quadrants(imported, pack, origin.siblings)
    profiles, notices = _profiles(imported, pack, origin)
    content = json.dumps([asdict(sample) for sample in imported.samples] + [asdict(one) for one in imported.reported])
    content_hash = hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
    decides = [imported.kind, content_hash, pack.pack_hash, origin.siblings, origin.model, origin.judge]
    run_id = hashlib.blake2b(json.dumps(decides).encode(), digest_size=6).hexdigest()
    return _Run(run_id, imported, origin, pack, profiles, content_hash), notices


def _own_pack(imported: Imported) -> Pack:
    """The concepts that are named, of which nothing else is known."""
    concepts = tuple(Concept(term, 0, (), "", (), (), 0) for term in sorted(imported.concepts))
    return Pack(
        name="imported concepts",
        version="imported",
        source=imported.source,
        senses_mean=NOT_COUNTED,
        concepts=concepts,
    )


def _with_quadrants(imported: Imported, pack: Pack, siblings: SiblingCount) -> Imported:
    profiles = {one.concept.term: one.quadrant for one in profile_pack(pack, bands=Bands(), siblings=siblings)}
    return replace(imported, samples=tuple(replace(one, quadrant=profiles[one.concept]) for one in imported.samples))


def _profiles(imported: Imported, pack: Pack, origin: Origin) -> tuple[tuple[Profile, ...], tuple[str, ...]]:
    """The concepts with their quadrants as stated, and where the pack's counts say another one."""
    stated = {sample.concept: sample.quadrant for sample in reversed(imported.samples)}
    profiles, notices = [], []
    for term in imported.concepts:
        concept, n_siblings = pack.by_term[term], pack.n_siblings(term, count=origin.siblings)
        counted, why = assign_quadrant(concept.n_senses, n_siblings, Bands())
        quadrant = stated[term]
        if origin.pack and counted != quadrant:
            notices.append(
                f'"{term}" is in quadrant {quadrant} as stated, and by the counts of the pack in {counted or "none"}'
            )
        reason = None if quadrant else (why if origin.pack else "") or "the imported file names no quadrant"
        profiles.append(Profile(concept, concept.n_senses, n_siblings, quadrant, reason))
    return tuple(profiles), tuple(notices)


def _pack_folder(study: Path, run: _Run) -> Path:
    return Path(run.origin.pack) if run.origin.pack else study / PACKS / run.pack.pack_hash


def _settings(run: _Run, folder: Path) -> StudyConfig:
    """The settings that a judge is asked with; their model says that the run was imported."""
    arms = [sample.arm for sample in run.imported.samples]
    n_concepts = len(run.imported.concepts)
    return StudyConfig(
        model=PREFIX + run.run_id,
        pack=run.origin.pack or str(folder),
        picker="list",
        concepts=run.imported.concepts,
        siblings=run.origin.siblings,
        n_positive=max(1, arms.count("positive") // n_concepts),
        n_negative=max(1, arms.count("negative") // n_concepts),
    )


def _run_rows(run: _Run, folder: Path) -> Iterator[Row]:
    yield from pack_rows(run.pack)
    yield from sibling_rows(run.pack, run.profiles)
    yield RunRow(
        run_id=run.run_id,
        name=f"imported {run.imported.kind} · {Path(run.imported.source).name}",
        created_at=now(),
        config=_settings(run, folder).to_json(),
        model=run.origin.model,
        model_fingerprint=PREFIX + run.content_hash,
        pack_hash=run.pack.pack_hash,
        template_set=TEMPLATE,
        template_hash=TEMPLATE,
        seed=0,
        versions=json.dumps({"lensgap": version("lensgap"), "python": platform.python_version()}),
    )
    yield ImportRow(run.run_id, run.imported.kind, run.imported.source, run.content_hash, now())
    yield from choice_rows(run.run_id, run.profiles, siblings=run.origin.siblings)
    for measure in run.imported.reported:
        yield ReportedMeasureRow(run.run_id, measure.concept, measure.name, measure.value)


def _sample_id(run: _Run, position: int) -> str:
    return hashlib.blake2b(f"{run.run_id}|{position}".encode(), digest_size=8).hexdigest()


def _sample_rows(run: _Run) -> Iterator[Row]:
    """A sample for each row by its place; what is unknown of it holds the placeholders that the schema names."""
    for position, one in enumerate(run.imported.samples):
        sample_id = _sample_id(run, position)
        # The concept that a negative was asked to be about is unknown.
        about = one.concept if one.arm == "positive" else ""
        yield PromptRow(sample_id, run.run_id, about, TEMPLATE, position, one.prompt or NO_PROMPT, 0, 0)
        yield SampleRow(sample_id, one.text, "stop", (), 1, now())
        yield form_row(sample_id, one.text)
        kind: NegativeKind | None = "unrelated" if one.arm == "negative" else None
        yield PairRow(run.run_id, one.concept, sample_id, one.arm, kind, _audit_number(one, sample_id), position)


def _audit_number(sample: ImportedSample, sample_id: str) -> float:
    """The pair's permanent audit number, which depends on nothing but the pair."""
    digest = hashlib.blake2b(f"audit|{sample.concept}|{sample_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def _vote_rows(run: _Run) -> Iterator[Row]:
    if not any(sample.judgment for sample in run.imported.samples):
        return
    judge = _judge(run)
    yield judge
    vocabulary = Vocabulary(run.pack)
    for position, sample in enumerate(run.imported.samples):
        if sample.judgment:
            yield from _votes(judge.judge_id, _sample_id(run, position), sample, vocabulary)


def _judge(run: _Run) -> JudgeRow:
    """The judge of the imported ratings, who is asked nothing more."""
    parameters: Mapping[str, object] = {"run": run.run_id}
    identity = JudgeIdentity("imported", run.origin.judge, UNKNOWN, UNKNOWN, parameters, is_baseline=False)
    return replace(judge_row(identity), judge_id=judge_id(identity))


def _votes(judge: str, sample_id: str, sample: ImportedSample, vocabulary: Vocabulary) -> Iterator[Row]:
    said = sample.judgment
    assert said is not None
    raw, at = json.dumps(asdict(said), ensure_ascii=False), now()
    match = vocabulary.match(said.topic, concept=sample.concept) if said.topic and sample.arm == "positive" else None
    yield TopicRow(
        judge_id=judge,
        sample_id=sample_id,
        vote=0,
        topic=said.topic,
        similarity=None,
        unscored_reason=NO_TOPIC if said.topic is None else None,
        raw_reply=raw,
        n_input_tokens=0,
        n_output_tokens=0,
        cost_usd=None,
        judged_at=at,
        topic_concept=match.topic_concept if match else None,
        topic_match=match.match if match else None,
    )
    yield JudgmentRow(
        judge_id=judge,
        concept=sample.concept,
        sample_id=sample_id,
        vote=0,
        rating=said.rating,
        explanation=said.explanation,
        unscored_reason=(said.explanation or NO_RATING) if said.rating is None else None,
        raw_reply=raw,
        n_input_tokens=0,
        n_output_tokens=0,
        cost_usd=None,
        judged_at=at,
    )
