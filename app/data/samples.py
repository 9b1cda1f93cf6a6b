"""Pages of samples, filtered and sorted by the database, and how many pass each filter; what is told of each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from app.data.browsing import ask, asked
from app.data.memory import remembered
from app.data.rows import read
from app.data.sayings import Saying

Sort = Literal["run", "lowest", "highest", "loop", "longest", "shortest", "unsure"]
PAGE_ROWS = 12
_TEXTS_AT_MOST = 2_000

Facets = Mapping[str, Mapping[str, int]]
"""For each filter and each of its values: pairs that pass all the other filters. `all` counts those that pass every one."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a page of samples is narrowed to; None passes everything. Rating 0 and `none` stand for unknown.

    `people` are ratings that a person gave, `judged` those of the judge, also where a person rated, `differs` is `person` (two
    steps or more from the judge) or `votes` (the judge's own votes spread), `topics` how the judge's topic relates to what was
    asked for, `fires` what the lens on screen says out of fold, `origin` the concept that others were split from by sense.
    """

    quadrants: tuple[str, ...] | None = None
    concept: str | None = None
    arm: str | None = None
    kinds: tuple[str, ...] | None = None
    forms: tuple[str, ...] | None = None
    ratings: tuple[int, ...] | None = None
    source: str | None = None
    text: str | None = None
    people: tuple[int, ...] | None = None
    judged: tuple[int, ...] | None = None
    differs: str | None = None
    topics: tuple[str, ...] | None = None
    fires: str | None = None
    finish: str | None = None
    templates: tuple[str, ...] | None = None
    layers: tuple[int, ...] | None = None
    origin: str | None = None


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
    """A pair, the judge's votes on it, the lenses' word, and all that people said of it, oldest first."""

    detail: PairDetail
    topics: tuple[TopicVote, ...]
    judgments: tuple[JudgmentVote, ...]
    scores: tuple[LensScore, ...]
    history: tuple[Saying, ...]


@dataclass(frozen=True, slots=True)
class _Text:
    sample_id: str
    prompt: str
    prompt_concept: str
    excerpt: str


def load_page(
    folder: Path,
    run_id: str,
    judge_id: str,
    filters: Filters,
    *,
    number: int,
    sort: Sort,
    form_rule: str,
    lens_ids: Sequence[str] = (),
    n_rows: int = PAGE_ROWS,
) -> PairPage:
    """One page of the pairs that pass the filters; a number beyond the last page gives the last page."""

    run = (folder, run_id, judge_id)
    n_total = load_facets(*run, filters, form_rule=form_rule, lens_ids=lens_ids, with_concepts=False)["all"][""]
    n_pages = max(1, -(-n_total // n_rows))
    number = min(max(1, number), n_pages)
    asked = {"form_rule": form_rule, "n_rows": n_rows, "n_skipped": (number - 1) * n_rows}
    shown = _load_rows(run, filters, sort=sort, lens_ids=lens_ids, asked=asked)
    return PairPage(shown, number, n_pages, n_total)


def load_first(
    folder: Path,
    run_id: str,
    judge_id: str,
    filters: Filters,
    *,
    sort: Sort,
    form_rule: str,
    n_rows: int,
    lens_ids: Sequence[str] = (),
) -> tuple[PageRow, ...]:
    """The first pairs that pass the filters, not counting how many do."""
    asked = {"form_rule": form_rule, "n_rows": n_rows, "n_skipped": 0}
    return _load_rows((folder, run_id, judge_id), filters, sort=sort, lens_ids=lens_ids, asked=asked)


def _load_rows(
    run: tuple[Path, str, str], filters: Filters, *, sort: Sort, lens_ids: Sequence[str], asked: dict[str, Any]
) -> tuple[PageRow, ...]:
    # The run's order needs no look at all pairs; those that have a text come in any order.
    in_place = sort == "run" and filters.text is None
    name = "samples.first" if in_place else "samples.page"
    rows = _asked(*run, name, filters, lens_ids, **asked | ({} if in_place else {"sort": sort}))
    texts = _load_texts(run[0], run[1], [row["sample_id"] for row in rows], filters.text)
    return tuple(PageRow(**(asdict(texts[row["sample_id"]]) | row)) for row in rows)


def _load_texts(folder: Path, run_id: str, sample_ids: Sequence[str], text: str | None) -> Mapping[str, _Text]:
    """A part of each sample; what was read is kept until a stage writes texts, for a page is drawn with every step in it."""
    kept: dict[tuple[str, str | None], _Text] = remembered(folder, ("texts", run_id), dict, of=("prompts", "samples"))
    known = {sample_id: found for sample_id in sample_ids if (found := kept.get((sample_id, text))) is not None}
    new = [sample_id for sample_id in sample_ids if sample_id not in known]
    if new:
        known |= {one.sample_id: one for one in read(folder, "samples.excerpts", _Text, sample_ids=new, text=text)}
        if len(kept) > _TEXTS_AT_MOST:
            kept.clear()
        kept |= {(sample_id, text): known[sample_id] for sample_id in new}
    return known


def load_facets(
    folder: Path,
    run_id: str,
    judge_id: str,
    filters: Filters,
    *,
    form_rule: str,
    lens_ids: Sequence[str] = (),
    with_concepts: bool = True,
) -> Facets:
    """How many pairs would remain with each value of each filter, all others as they are.

    Concepts are counted pair by pair, which takes longer than all the rest; without them only what a list shows whose counts
    nobody asked for is told: all that pass, quadrants and forms.
    """
    run = (folder, run_id, judge_id)
    counted: dict[str, dict[str, int]] = {"all": {"": 0}}
    in_cells = filters.concept is None and filters.text is None
    name = "samples.facets" if with_concepts else "samples.few_facets"
    rows = _asked(*run, name, filters, lens_ids, form_rule=form_rule, in_cells=in_cells)
    if with_concepts:
        found = _asked(*run, "samples.concepts", filters, lens_ids, form_rule=form_rule)
        rows += [{"filter": "concept", **row} for row in found]
    for row in rows:
        # Pairs that moved leave empty cells behind.
        if row["value"] is not None and row["n"]:
            counted.setdefault(row["filter"], {})[row["value"]] = row["n"]
    return counted


@dataclass(frozen=True, slots=True)
class Listed:
    """A pair that passes the filters: what is in force of it."""

    concept: str
    sample_id: str
    arm: str
    form: str | None
    verdict: float | None
    verdict_source: str | None


def load_listed(
    folder: Path,
    run_id: str,
    judge_id: str,
    filters: Filters,
    *,
    form_rule: str,
    at_most: int,
    lens_ids: Sequence[str] = (),
    only: Sequence[str] | None = None,
) -> tuple[Listed, ...]:
    """The pairs that pass the filters, at most so many; `only` names some as `concept:sample`."""
    chosen = {"only": None if only is None else list(only), "n_rows": at_most}
    rows = _asked(folder, run_id, judge_id, "samples.listed", filters, lens_ids, form_rule=form_rule, **chosen)
    return tuple(Listed(**row) for row in rows)


@dataclass(frozen=True, slots=True)
class _Choice:
    filter: str
    value: str


def load_choices(folder: Path, run_id: str) -> Mapping[str, tuple[str, ...]]:
    """A run's own choices of `template`, `layer` and `origin`."""

    def choices() -> dict[str, tuple[str, ...]]:
        found = read(folder, "samples.choices", _Choice, run_id=run_id)
        return {name: tuple(c.value for c in found if c.filter == name) for name in ("template", "layer", "origin")}

    return remembered(folder, ("choices", run_id), choices, of=("runs", "run_concepts", "prompts"))


def _asked(
    folder: Path,
    run_id: str,
    judge_id: str,
    name: str,
    filters: Filters,
    lens_ids: Sequence[str],
    **values: Any,
) -> list[dict[str, Any]]:
    chosen: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in asdict(filters).items()
    }
    extras = filters.fires is not None or filters.topics is not None
    held = asked(folder, run_id, judge_id, lens_ids, extras=extras)
    columns, rows = ask(folder, held, name, **chosen, **values)
    return [dict(zip(columns, row, strict=True)) for row in rows]
