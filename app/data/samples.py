"""Pages of samples, filtered and sorted by the database, and everything about one of them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from app.data.rows import fetch, read
from db import connect

Sort = Literal["run", "lowest", "highest", "loop", "longest", "shortest", "unsure"]
PAGE_ROWS = 12


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page of samples is narrowed to; None passes everything. Rating 0 and form `none` stand for unknown."""

    quadrants: tuple[str, ...] | None = None
    concept: str | None = None
    arm: str | None = None
    kinds: tuple[str, ...] | None = None
    forms: tuple[str, ...] | None = None
    ratings: tuple[int, ...] | None = None
    source: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class PageRow:
    """A pair in the list; `excerpt` is a part of the output near what was searched for."""

    concept: str
    sample_id: str
    arm: str
    negative_kind: str | None
    quadrant: str | None
    form: str | None
    bin: int | None
    verdict: float | None
    verdict_source: str | None
    judge_rating: float | None
    prompt: str
    prompt_concept: str
    n_chars: int | None
    excerpt: str
    n_total: int


@dataclass(frozen=True, slots=True)
class PairPage:
    """One page of pairs; `number` counts from 1 and lies within `n_pages`, which is at least 1."""

    rows: tuple[PageRow, ...]
    number: int
    n_pages: int
    n_total: int


@dataclass(frozen=True, slots=True)
class PairDetail:
    """A pair with its sample, its form and its verdict; `otherwise`: the verdict without an override, `judge_bin`: its bin."""

    concept: str
    sample_id: str
    arm: str
    negative_kind: str | None
    quadrant: str | None
    prompt: str
    prompt_concept: str
    template: str
    output: str
    finish_reason: str | None
    generated_at: datetime | None
    form: str | None
    n_chars: int | None
    n_words: int | None
    tail_loop_share: float | None
    repeated_4gram_share: float | None
    distinct_2: float | None
    zlib_ratio: float | None
    first30_count: int | None
    verdict: float | None
    bin: int | None
    verdict_source: str | None
    judge_rating: float | None
    judge_spread: float | None
    n_votes: int
    n_unscored: int
    otherwise: float | None
    judge_bin: int | None


@dataclass(frozen=True, slots=True)
class TopicVote:
    """What the judge took the sample to be about, or why it said nothing.

    `topic_concept` is the pack's concept that the topic names, `topic_match` how that relates to the prompt's concept.
    A cost is in US dollars, None where nobody told the price.
    """

    vote: int
    topic: str | None
    topic_concept: str | None
    topic_match: str | None
    similarity: float | None
    unscored_reason: str | None
    raw_reply: str
    n_chars_cut: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class JudgmentVote:
    """How relevant the judge found the sample, or why it gave no rating.

    `probabilities` of the ratings 1 to 5 and their mean, `expected_rating`, are known of judges that run here.
    """

    vote: int
    rating: int | None
    expected_rating: float | None
    probabilities: list[float] | None
    explanation: str | None
    unscored_reason: str | None
    raw_reply: str
    n_chars_cut: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class LensScore:
    """What a lens that had not seen the sample says of it."""

    family: str
    layers: list[int]
    phase: str
    probability: float
    fires: bool
    fold: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair, the judge's votes on it, and the lenses' word."""

    detail: PairDetail
    topics: tuple[TopicVote, ...]
    judgments: tuple[JudgmentVote, ...]
    scores: tuple[LensScore, ...]


def load_page(
    folder: Path, run_id: str, judge_id: str, filters: Filters, *, number: int, sort: Sort, form_rule: str
) -> PairPage:
    """One page of the pairs that pass the filters; a number beyond the last page gives the last page."""
    chosen = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(filters).items()}
    chosen |= {"run_id": run_id, "judge_id": judge_id, "sort": sort, "form_rule": form_rule, "n_rows": PAGE_ROWS}
    number = max(1, number)
    rows = read(folder, "samples.page", PageRow, **chosen, n_skipped=(number - 1) * PAGE_ROWS)
    if not rows and number > 1:
        first = load_page(folder, run_id, judge_id, filters, number=1, sort=sort, form_rule=form_rule)
        last = first.n_pages
        return (
            first
            if last == 1
            else load_page(folder, run_id, judge_id, filters, number=last, sort=sort, form_rule=form_rule)
        )
    n_total = rows[0].n_total if rows else 0
    return PairPage(rows, number, max(1, -(-n_total // PAGE_ROWS)), n_total)


def load_pair(folder: Path, run_id: str, judge_id: str, *, concept: str, sample_id: str, form_rule: str) -> Pair | None:
    """Everything about one pair; None when the run has no such pair, or it has no output yet."""
    judged = {"judge_id": judge_id, "sample_id": sample_id}
    with connect(folder) as cursor:
        found = fetch(cursor, "samples.pair", PairDetail, run_id=run_id, concept=concept, form_rule=form_rule, **judged)
        if not found:
            return None
        return Pair(
            detail=found[0],
            topics=fetch(cursor, "samples.topics", TopicVote, **judged),
            judgments=fetch(cursor, "samples.judgments", JudgmentVote, concept=concept, **judged),
            scores=fetch(cursor, "samples.scores", LensScore, run_id=run_id, concept=concept, sample_id=sample_id),
        )
