"""One frozen dataclass for every table that rows are added to (db.inserting adds them).

Fields have the names and the order of the table's columns, so that a row is what the table holds; closed vocabularies are
Literals with the values of the table's CHECK. Times are naive UTC. `insert` is idempotent: keys are natural or content
hashes, so a row that is there already is left as it is.

Text may hold anything that Python's may: NUL, emoji and megabytes come back as they went in. Only lone surrogates, which no
UTF-8 file can hold, become U+FFFD.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

Quadrant: TypeAlias = Literal["A", "B", "C", "D"]
SiblingCount: TypeAlias = Literal["study", "distinct"]
FinishReason: TypeAlias = Literal["stop", "length"]
Form: TypeAlias = Literal["empty", "short", "repetitive", "good"]
Arm: TypeAlias = Literal["positive", "negative"]
NegativeKind: TypeAlias = Literal["sibling", "unrelated", "opposite"]
Phase: TypeAlias = Literal["prompt", "output"]
Mode: TypeAlias = Literal["in_context", "output_only"]
RatingSource: TypeAlias = Literal["override", "audit"]
TopicMatch: TypeAlias = Literal["exact", "alias", "sibling", "ancestor", "other"]
JudgeKind: TypeAlias = Literal["topic", "relevance"]
BatchStep: TypeAlias = Literal["submitted", "done", "lost"]
Pool: TypeAlias = Literal["mean", "last"]
Decision: TypeAlias = Literal["more", "graduated", "ceiling", "exhausted", "budget"]
ComparisonKind: TypeAlias = Literal["filter", "refinement", "splitting", "bucketing", "layers", "setting"]
AuditTarget: TypeAlias = Literal["samples", "future"]
AuditSource: TypeAlias = Literal["audit", "judge"]
Stratum: TypeAlias = Literal["A", "B", "C", "D", "none"]
ExtraReason: TypeAlias = Literal["probe", "lost", "killed"]
ImportKind: TypeAlias = Literal["artifacts", "samples"]
FormRule: TypeAlias = Literal["loop", "study"]
QualityGrain: TypeAlias = Literal["overall", "quadrant", "concept"]
Outputs: TypeAlias = Literal["all", "good", "degenerate"]
Json: TypeAlias = str
"""A JSON document as text."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table that the class names, left out where a row of the same key is there already.

    Naming the key matters: a million rows are looked up by it in 2 ms, but scanned in 50 ms for a clash with any of
    several constraints.
    """

    table: ClassVar[str]
    key: ClassVar[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class PackRow(Row):
    """A concept pack, by the hash of its content."""

    table: ClassVar[str] = "packs"
    key: ClassVar[tuple[str, ...]] = ("pack_hash",)
    pack_hash: str
    name: str
    version: str
    source: str
    senses_mean: str
    n_concepts: int
    made_by: str | None = None
    made_from: str | None = None


@dataclass(frozen=True, slots=True)
class ConceptRow(Row):
    """A concept of a pack."""

    table: ClassVar[str] = "concepts"
    key: ClassVar[tuple[str, ...]] = ("pack_hash", "concept")
    pack_hash: str
    concept: str
    pack_layer: int
    definition: str
    aliases: tuple[str, ...]
    parents: tuple[str, ...]
    n_senses: int
    n_siblings_distinct: int | None
    n_siblings_study: int | None
    label: str | None = None
    origin: str | None = None
    bucket: str | None = None


@dataclass(frozen=True, slots=True)
class SenseRow(Row):
    """One meaning of a concept."""

    table: ClassVar[str] = "senses"
    key: ClassVar[tuple[str, ...]] = ("pack_hash", "concept", "sense_id")
    pack_hash: str
    concept: str
    sense_id: str
    position: int
    definition: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SiblingRow(Row):
    """That two concepts share a parent, seen from one of them."""

    table: ClassVar[str] = "siblings"
    key: ClassVar[tuple[str, ...]] = ("pack_hash", "concept", "sibling")
    pack_hash: str
    concept: str
    sibling: str


@dataclass(frozen=True, slots=True)
class RunRow(Row):
    """A run: one model, pack and settings."""

    table: ClassVar[str] = "runs"
    key: ClassVar[tuple[str, ...]] = ("run_id",)
    run_id: str
    name: str
    created_at: datetime
    config: Json
    model: str
    model_fingerprint: str
    pack_hash: str
    template_set: str
    template_hash: str
    seed: int
    versions: Json


@dataclass(frozen=True, slots=True)
class SubjectRow(Row):
    """What a run's subject model turned out to be when it was first loaded."""

    table: ClassVar[str] = "subjects"
    key: ClassVar[tuple[str, ...]] = ("run_id",)
    run_id: str
    chat: bool
    dtype: str
    device: str
    n_layers: int
    width: int
    context: int
    loaded_at: datetime


@dataclass(frozen=True, slots=True)
class RunConceptRow(Row):
    """A concept that a run selected, and its quadrant or why it has none."""

    table: ClassVar[str] = "run_concepts"
    key: ClassVar[tuple[str, ...]] = ("run_id", "concept")
    run_id: str
    concept: str
    position: int
    quadrant: Quadrant | None
    quadrant_reason: str | None
    n_senses: int
    n_siblings: int | None
    sibling_count: SiblingCount


@dataclass(frozen=True, slots=True)
class PromptRow(Row):
    """A prompt that a sample is to be generated from."""

    table: ClassVar[str] = "prompts"
    key: ClassVar[tuple[str, ...]] = ("sample_id",)
    sample_id: str
    run_id: str
    prompt_concept: str
    template: str
    draw: int
    prompt: str
    batch: int
    seed: int


@dataclass(frozen=True, slots=True)
class SampleRow(Row):
    """What the subject model wrote to a prompt."""

    table: ClassVar[str] = "samples"
    key: ClassVar[tuple[str, ...]] = ("sample_id",)
    sample_id: str
    output: str
    finish_reason: FinishReason
    output_ids: tuple[int, ...]
    n_prompt_tokens: int
    generated_at: datetime


@dataclass(frozen=True, slots=True)
class FormRow(Row):
    """The measures of a sample's form, and its form by both rules."""

    table: ClassVar[str] = "forms"
    key: ClassVar[tuple[str, ...]] = ("sample_id",)
    sample_id: str
    n_chars: int
    n_words: int
    tail_loop_share: float
    repeated_4gram_share: float
    distinct_2: float | None
    zlib_ratio: float | None
    first30_count: int
    form_study: Form
    form_loop: Form


@dataclass(frozen=True, slots=True)
class PairRow(Row):
    """That a sample serves a concept in one arm."""

    table: ClassVar[str] = "pairs"
    key: ClassVar[tuple[str, ...]] = ("run_id", "concept", "sample_id")
    run_id: str
    concept: str
    sample_id: str
    arm: Arm
    negative_kind: NegativeKind | None
    u: float
    position: int


@dataclass(frozen=True, slots=True)
class ActivationRow(Row):
    """Where a sample's activation is stored, or why there is none."""

    table: ClassVar[str] = "activations"
    key: ClassVar[tuple[str, ...]] = ("sample_id", "layer", "phase", "mode")
    sample_id: str
    layer: int
    phase: Phase
    mode: Mode
    shard: str | None
    shard_row: int | None
    missing_reason: str | None


@dataclass(frozen=True, slots=True)
class JudgeRow(Row):
    """A judge: everything that decides what it answers."""

    table: ClassVar[str] = "judges"
    key: ClassVar[tuple[str, ...]] = ("judge_id",)
    judge_id: str
    backend: str
    model: str
    rubric: str
    rubric_hash: str
    parameters: Json
    is_baseline: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TopicRow(Row):
    """One vote of a judge on what a sample is about, blind to its concept; `topic_match` is against the prompt's concept."""

    table: ClassVar[str] = "topics"
    key: ClassVar[tuple[str, ...]] = ("judge_id", "sample_id", "vote")
    judge_id: str
    sample_id: str
    vote: int
    topic: str | None
    similarity: float | None
    unscored_reason: str | None
    raw_reply: str
    n_input_tokens: int
    n_output_tokens: int
    cost_usd: float | None
    judged_at: datetime
    n_cache_read_tokens: int = 0
    n_cache_write_tokens: int = 0
    n_chars_cut: int = 0
    topic_concept: str | None = None
    topic_match: TopicMatch | None = None


@dataclass(frozen=True, slots=True)
class JudgmentRow(Row):
    """One vote of a judge on how relevant a sample is to a concept."""

    table: ClassVar[str] = "judgments"
    key: ClassVar[tuple[str, ...]] = ("judge_id", "sample_id", "concept", "vote")
    judge_id: str
    concept: str
    sample_id: str
    vote: int
    rating: int | None
    explanation: str | None
    unscored_reason: str | None
    raw_reply: str
    n_input_tokens: int
    n_output_tokens: int
    cost_usd: float | None
    judged_at: datetime
    n_cache_read_tokens: int = 0
    n_cache_write_tokens: int = 0
    n_chars_cut: int = 0
    probabilities: tuple[float, ...] | None = None
    expected_rating: float | None = None


@dataclass(frozen=True, slots=True)
class EndpointRow(Row):
    """What a judge's endpoint was found to be able to do."""

    table: ClassVar[str] = "endpoints"
    key: ClassVar[tuple[str, ...]] = ("base_url", "model", "probed_at")
    base_url: str
    model: str
    capabilities: Json
    probed_at: datetime


@dataclass(frozen=True, slots=True)
class JudgeBatchRow(Row):
    """A batch of questions that is about to be submitted."""

    table: ClassVar[str] = "judge_batches"
    key: ClassVar[tuple[str, ...]] = ("intent",)
    intent: str
    judge_id: str
    run_id: str
    kind: JudgeKind
    n_requests: int
    created_at: datetime
    worst_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class JudgeBatchItemRow(Row):
    """One question of a batch."""

    table: ClassVar[str] = "judge_batch_items"
    key: ClassVar[tuple[str, ...]] = ("intent", "position")
    intent: str
    position: int
    concept: str | None
    sample_id: str
    vote: int


@dataclass(frozen=True, slots=True)
class JudgeBatchStepRow(Row):
    """What became of a batch; `batch_id` is the server's."""

    table: ClassVar[str] = "judge_batch_steps"
    key: ClassVar[tuple[str, ...]] = ("intent", "step")
    intent: str
    step: BatchStep
    batch_id: str | None
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class JudgeExtraRow(Row):
    """What a judge has cost beside its votes, in US dollars; at most so much, but for a probe."""

    table: ClassVar[str] = "judge_extras"
    key: ClassVar[tuple[str, ...]] = ("extra_id",)
    extra_id: str
    judge_id: str
    reason: ExtraReason
    cost_usd: float
    found_at: datetime


@dataclass(frozen=True, slots=True)
class RatingRow(Row):
    """What a person said about a pair, or the undoing of it; the database numbers them in their order.

    It names no key: a second undoing of the same row is left out like a rating that is sent twice.
    """

    table: ClassVar[str] = "ratings"
    key: ClassVar[tuple[str, ...]] = ()
    rating_id: str
    run_id: str
    concept: str
    sample_id: str
    reviewer: str
    source: RatingSource
    rating: int | None
    undoes: str | None
    inclusion_probability: float | None
    blind: bool
    reason: str | None
    rated_at: datetime


@dataclass(frozen=True, slots=True)
class LeaseRow(Row):
    """That a reviewer has a pair before them for a while."""

    table: ClassVar[str] = "leases"
    key: ClassVar[tuple[str, ...]] = ("run_id", "concept", "sample_id", "reviewer", "taken_at")
    run_id: str
    concept: str
    sample_id: str
    reviewer: str
    taken_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class MarkRow(Row):
    """That a reviewer flagged a pair, took a flag back, put the pair off, or settled what others disagreed on."""

    table: ClassVar[str] = "marks"
    key: ClassVar[tuple[str, ...]] = ("mark_id",)
    mark_id: str
    run_id: str
    concept: str
    sample_id: str
    reviewer: str
    kind: Literal["flag", "unflag", "skip", "adjudicated"]
    note: str | None
    marked_at: datetime


@dataclass(frozen=True, slots=True)
class LensRow(Row):
    """A lens, and why it has no measures where it has none."""

    table: ClassVar[str] = "lenses"
    key: ClassVar[tuple[str, ...]] = ("lens_id",)
    lens_id: str
    run_id: str
    concept: str
    family: str
    layers: tuple[int, ...]
    phase: Phase
    mode: Mode
    pool: Pool
    n_positive: int
    n_negative: int
    n_excluded: int
    n_groups: int
    threshold: float | None
    fit_seconds: float | None
    n_parameters: int | None
    reason: str | None
    n_pairs_more: int | None
    trained_at: datetime


@dataclass(frozen=True, slots=True)
class LensMeasureRow(Row):
    """One measure of a lens out of fold, with its interval, or why it has none."""

    table: ClassVar[str] = "lens_measures"
    key: ClassVar[tuple[str, ...]] = ("lens_id", "measure")
    lens_id: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None
    method: str


@dataclass(frozen=True, slots=True)
class LensScoreRow(Row):
    """What a lens says of a sample that it was not trained on, in one round of cross-validation."""

    table: ClassVar[str] = "lens_scores"
    key: ClassVar[tuple[str, ...]] = ("lens_id", "sample_id", "repeat")
    lens_id: str
    sample_id: str
    repeat: int
    fold: int
    probability: float
    fires: bool


@dataclass(frozen=True, slots=True)
class GraduationStepRow(Row):
    """What became of a concept at one step of its escalation."""

    table: ClassVar[str] = "graduation_steps"
    key: ClassVar[tuple[str, ...]] = ("run_id", "rule_hash", "concept", "step")
    run_id: str
    rule_hash: str
    concept: str
    step: int
    n_pairs: int
    lens_id: str | None
    target: float
    ceiling: float | None
    reached: float | None
    decision: Decision
    why: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class ComparisonRow(Row):
    """Two ways to train, or two runs, that were compared over the same concepts."""

    table: ClassVar[str] = "comparisons"
    key: ClassVar[tuple[str, ...]] = ("comparison_id",)
    comparison_id: str
    run_id: str
    other_run_id: str | None
    kind: ComparisonKind
    variant: str
    family: str
    layers: tuple[int, ...]
    settings: Json
    compared_at: datetime


@dataclass(frozen=True, slots=True)
class ComparisonResultRow(Row):
    """One concept's measure on both sides of a comparison."""

    table: ClassVar[str] = "comparison_results"
    key: ClassVar[tuple[str, ...]] = ("comparison_id", "concept", "measure")
    comparison_id: str
    concept: str
    measure: str
    before: float | None
    after: float | None
    n: int
    kept: bool | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class AuditPlanRow(Row):
    """An audit that was planned: by how many ratings, or by how wide an interval."""

    table: ClassVar[str] = "audit_plans"
    key: ClassVar[tuple[str, ...]] = ("plan_id",)
    plan_id: str
    run_id: str
    judge_id: str
    n_ratings_wished: int | None
    half_width_wished: float | None
    target: AuditTarget
    planned_at: datetime


@dataclass(frozen=True, slots=True)
class AuditStratumRow(Row):
    """With which probability a plan draws the pairs of a quadrant and arm."""

    table: ClassVar[str] = "audit_strata"
    key: ClassVar[tuple[str, ...]] = ("plan_id", "quadrant", "arm")
    plan_id: str
    quadrant: Stratum
    arm: Arm
    probability: float
    variance: float
    learnt_from: AuditSource


@dataclass(frozen=True, slots=True)
class ImportRow(Row):
    """That the texts of a run were imported, and from where."""

    table: ClassVar[str] = "imports"
    key: ClassVar[tuple[str, ...]] = ("run_id",)
    run_id: str
    kind: ImportKind
    source: str
    content_hash: str
    imported_at: datetime


@dataclass(frozen=True, slots=True)
class ReportedMeasureRow(Row):
    """What others reported of a concept's lens, named as their column was."""

    table: ClassVar[str] = "reported_measures"
    key: ClassVar[tuple[str, ...]] = ("run_id", "concept", "name")
    run_id: str
    concept: str
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class LearningCurveRow(Row):
    """F1 of a concept's lenses fitted on fewer pairs than there are; `covariance` is that of the errors, row by row."""

    table: ClassVar[str] = "learning_curves"
    key: ClassVar[tuple[str, ...]] = ("curve_id",)
    curve_id: str
    run_id: str
    concept: str
    family: str
    layers: tuple[int, ...]
    phase: Phase
    mode: Mode
    pool: Pool
    n_pairs: int
    n_positive: int
    n_groups: int
    n_train: tuple[int, ...]
    f1: tuple[float, ...]
    covariance: tuple[float, ...]
    reason: str | None
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class ActivationQualityRow(Row):
    """A measuring of how far activations of outputs hold what their prompts were about."""

    table: ClassVar[str] = "activation_quality"
    key: ClassVar[tuple[str, ...]] = ("quality_id",)
    quality_id: str
    run_id: str
    family: str
    layer: int
    mode: Mode
    pool: Pool
    form_rule: FormRule
    settings: Json
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class ActivationQualityResultRow(Row):
    """One measure of one grain, of all, good or degenerate outputs."""

    table: ClassVar[str] = "activation_quality_results"
    key: ClassVar[tuple[str, ...]] = ("quality_id", "grain", "name", "outputs", "measure")
    quality_id: str
    grain: QualityGrain
    name: str
    outputs: Outputs
    measure: str
    value: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int
    reason: str | None
    method: str


@dataclass(frozen=True, slots=True)
class SnapshotRow(Row):
    """A frozen state of the findings: `slides` are its pages, `page` is the report as deflated HTML in base 64."""

    table: ClassVar[str] = "snapshots"
    key: ClassVar[tuple[str, ...]] = ("snapshot_id",)
    snapshot_id: str
    run_id: str
    name: str
    frozen_by: str
    frozen_at: datetime
    state: str
    settings: Json
    slides: Json
    page: str


@dataclass(frozen=True, slots=True)
class SnapshotNoteRow(Row):
    """What a speaker wants to say to a page of a snapshot."""

    table: ClassVar[str] = "snapshot_notes"
    key: ClassVar[tuple[str, ...]] = ("note_id",)
    note_id: str
    snapshot_id: str
    slide: str
    note: str
    written_by: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class SavedViewRow(Row):
    """A list of samples that somebody keeps under a name; `choices` are values by parameter of the address."""

    table: ClassVar[str] = "saved_views"
    key: ClassVar[tuple[str, ...]] = ("view_id",)
    view_id: str
    run_id: str
    name: str
    choices: Json
    reviewer: str
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class SavedViewRemovalRow(Row):
    """That a kept list was taken away."""

    table: ClassVar[str] = "saved_view_removals"
    key: ClassVar[tuple[str, ...]] = ("view_id",)
    view_id: str
    reviewer: str
    removed_at: datetime


@dataclass(frozen=True, slots=True)
class BulkRatingRow(Row):
    """One rating that somebody gave to many pairs at once, chosen by these parameters of the list."""

    table: ClassVar[str] = "bulk_ratings"
    key: ClassVar[tuple[str, ...]] = ("bulk_id",)
    bulk_id: str
    run_id: str
    reviewer: str
    rating: int
    reason: str | None
    chosen_by: Json
    n_asked: int
    rated_at: datetime


@dataclass(frozen=True, slots=True)
class BulkMemberRow(Row):
    """That a rating was one of many given at once."""

    table: ClassVar[str] = "bulk_members"
    key: ClassVar[tuple[str, ...]] = ("rating_id",)
    bulk_id: str
    rating_id: str


@dataclass(frozen=True, slots=True)
class VisitRow(Row):
    """That a reviewer looked at the overview; `last_rating` is the number of the latest rating by then."""

    table: ClassVar[str] = "visits"
    key: ClassVar[tuple[str, ...]] = ("visit_id",)
    visit_id: str
    run_id: str
    reviewer: str
    judge_id: str
    form_rule: FormRule
    last_rating: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class VisitGapRow(Row):
    """The gap of the study or of a quadrant as a reviewer saw it."""

    table: ClassVar[str] = "visit_gaps"
    key: ClassVar[tuple[str, ...]] = ("visit_id", "grain")
    visit_id: str
    grain: Literal["study", "A", "B", "C", "D"]
    gap: float
    low: float | None
    high: float | None
