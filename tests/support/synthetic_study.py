"""A whole study without a model: plausible texts, ratings and lenses, and the texts that break careless screens.

Everything follows from the seed. Forms are measured by the real rules; ratings, F1 and probabilities are drawn so that
quadrants differ as they do in practice (C has the fewest good outputs). Parts may be left out, for the screens' empty states.
"""

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from db import create_study, insert, transaction
from db.rows import (
    ConceptRow,
    FormRow,
    JudgeRow,
    JudgmentRow,
    LensMeasureRow,
    LensRow,
    LensScoreRow,
    PackRow,
    PairRow,
    PromptRow,
    Row,
    RunConceptRow,
    RunRow,
    SampleRow,
    SenseRow,
    SiblingRow,
    TopicRow,
)
from engine.config import StudyConfig
from engine.stats.form import classify_form, measure_form
from tests.support.synthetic_texts import (
    ABOUT,
    HOSTILE_CONCEPT,
    HOSTILE_OUTPUTS,
    HOSTILE_SAYINGS,
    TEMPLATES,
    write_text,
)

RUN = "synthetic0001"
JUDGE = "offline-tfidf"
PACK = "synthetic-pack"
START = datetime(2026, 11, 20, 9, 30)
GOOD_SHARE = {"A": 0.85, "B": 0.7, "C": 0.45, "D": 0.75, None: 0.6}
LENS_F1 = {"A": 0.82, "B": 0.74, "C": 0.66, "D": 0.77, None: 0.7}
LAYERS = (2, 5)
FAMILIES = ("logistic", "mlp-study")


@dataclass(frozen=True)
class Subject:
    """A concept of the synthetic run."""

    concept: str
    definition: str
    n_senses: int
    n_siblings: int
    quadrant: str | None


@dataclass(frozen=True)
class Text:
    """A sample and the pairs it may serve."""

    sample_id: str
    about: str
    form: str


def subjects(n_concepts: int, *, n_between: int, hostile: bool) -> list[Subject]:
    """Concepts of the four quadrants in turn, then some that lie between the bands."""
    chosen = []
    for i in range(n_concepts):
        term, definition, n_senses, n_siblings, quadrant = ABOUT[i % len(ABOUT)]
        # Beyond the written concepts the same ones come back with a number.
        name = term if i < len(ABOUT) else f"{term} {i // len(ABOUT) + 1}"
        chosen.append(Subject(name, definition, n_senses, n_siblings, quadrant))
    for i in range(n_between):
        name = HOSTILE_CONCEPT if hostile and i == 0 else f"elbow room {i + 1}"
        chosen.append(Subject(name, f"a thing between the bands, number {i + 1}", 3 + i % 2, 6 + i % 3, None))
    return chosen


def build_study(
    folder: Path,
    *,
    n_concepts: int = 12,
    n_pairs: int = 20,
    seed: int = 0,
    n_between: int = 2,
    hostile: bool = True,
    generated: bool = True,
    judged: bool = True,
    lensed: bool = True,
    baseline: bool = True,
    degenerate_share: float | None = None,
    by_draw: bool = False,
) -> Path:
    """Make a study in `folder` and return it; `n_pairs` a concept, half of them positives.

    `degenerate_share` replaces the quadrants' own shares of outputs that are empty, short or loop. With `by_draw`, neighbours
    in the order of the samples' ids are of different concepts, as in real runs, whose ids are hashes.
    """
    rng = random.Random(seed)
    chosen = subjects(n_concepts, n_between=n_between, hostile=hostile)
    rows: list[Row] = [*_pack_rows(chosen), *_run_rows(chosen, seed)]
    prompts, samples, forms, texts = _sample_rows(chosen, n_pairs // 2, rng, hostile, degenerate_share, by_draw)
    pairs = _pair_rows(chosen, texts, n_pairs - n_pairs // 2, rng)
    rows += [*prompts, *pairs]
    if generated:
        rows += [*samples, *forms]
    if generated and judged:
        rows += _judge_rows(pairs, texts, rng, baseline=baseline, hostile=hostile)
    if generated and lensed:
        rows += _lens_rows(chosen, pairs, texts, rng)
    _write(folder, rows)
    return folder


def _write(folder: Path, rows: list[Row]) -> None:
    create_study(folder)
    by_kind: dict[type[Row], list[Row]] = {}
    for row in rows:
        by_kind.setdefault(type(row), []).append(row)
    with transaction(folder) as cursor:
        for same in by_kind.values():
            insert(cursor, same)


def _pack_rows(chosen: list[Subject]) -> list[Row]:
    names = [subject.concept for subject in chosen]
    rows: list[Row] = [PackRow(PACK, "synthetic", "1.0", "tests", "WordNet noun senses of the term", len(names) + 4)]
    rows += [
        ConceptRow(PACK, s.concept, 1, s.definition, ("thing",), ("entity",), s.n_senses, s.n_siblings, s.n_siblings)
        for s in chosen
    ]
    others = [f"neighbour {i}" for i in range(1, 5)]
    rows += [ConceptRow(PACK, name, 1, f"{name} of all", (), ("entity",), 1, 3, 3) for name in others]
    rows += [
        SenseRow(PACK, s.concept, f"{i:08d}.n", i, s.definition if i == 0 else f"sense {i + 1} of {s.concept}", ())
        for s in chosen
        for i in range(min(s.n_senses, 8))
    ]
    rows += [
        SiblingRow(PACK, s.concept, other)
        for i, s in enumerate(chosen)
        for other in (others + [n for n in names[i + 1 :] + names[:i] if n != s.concept])[: s.n_siblings]
    ]
    return rows


def _run_rows(chosen: list[Subject], seed: int) -> list[Row]:
    config = StudyConfig(seed=seed).to_json()
    versions = json.dumps({"lensgap": "0.1.0"})
    run = RunRow(RUN, "synthetic", START, config, "tiny-writer", "f" * 16, PACK, "standard", "t" * 16, seed, versions)
    reason = "{0.n_senses} senses lie between the bands (at most 2, at least 5)"
    rows: list[Row] = [run]
    rows += [
        RunConceptRow(
            RUN,
            s.concept,
            i,
            s.quadrant,  # type: ignore[arg-type]
            None if s.quadrant else reason.format(s),
            s.n_senses,
            s.n_siblings,
            "distinct",
        )
        for i, s in enumerate(chosen)
    ]
    return rows


def _sample_rows(
    chosen: list[Subject],
    n_each: int,
    rng: random.Random,
    hostile: bool,
    degenerate_share: float | None,
    by_draw: bool,
) -> tuple[list[PromptRow], list[SampleRow], list[FormRow], list[Text]]:
    prompts: list[PromptRow] = []
    samples: list[SampleRow] = []
    forms: list[FormRow] = []
    texts: list[Text] = []
    outputs = list(HOSTILE_OUTPUTS) if hostile else []
    for c, subject in enumerate(chosen):
        good = GOOD_SHARE[subject.quadrant] if degenerate_share is None else 1 - degenerate_share
        for draw in range(n_each):
            sample_id = f"sample-{draw:04d}-{c:03d}" if by_draw else f"sample-{c:03d}-{draw:04d}"
            name, template = TEMPLATES[draw % len(TEMPLATES)]
            prompt = template.format(term=subject.concept)
            output = (
                outputs.pop(0) if outputs and draw < 4 else write_text(subject.concept, subject.definition, good, rng)
            )
            prompts.append(PromptRow(sample_id, RUN, subject.concept, name, draw, prompt, c, seed=draw))
            when = START + timedelta(seconds=len(samples))
            samples.append(SampleRow(sample_id, output, rng.choice(("stop", "length")), (1, 2, 3), 7, when))
            forms.append(_form_row(sample_id, output))
            texts.append(Text(sample_id, subject.concept, forms[-1].form_loop))
    return prompts, samples, forms, texts


def _form_row(sample_id: str, output: str) -> FormRow:
    measures = measure_form(output)
    return FormRow(
        sample_id,
        measures.n_chars,
        measures.n_tokens,
        measures.tail_loop_share,
        measures.repeated_4gram_share,
        measures.distinct_2,
        measures.zlib_ratio,
        measures.first30_count,
        classify_form(measures, rule="study"),
        classify_form(measures, rule="loop"),
    )


def _pair_rows(chosen: list[Subject], texts: list[Text], n_negative: int, rng: random.Random) -> list[PairRow]:
    pairs = []
    for subject in chosen:
        own = [text for text in texts if text.about == subject.concept]
        others = [text for text in texts if text.about != subject.concept]
        negatives = rng.sample(others, min(n_negative, len(others)))
        for i, text in enumerate(own):
            pairs.append(PairRow(RUN, subject.concept, text.sample_id, "positive", None, rng.random(), i))
        for i, text in enumerate(negatives):
            kind = "sibling" if i % 2 == 0 else rng.choice(("unrelated", "unrelated", "unrelated", "opposite"))
            position = len(own) + i
            pairs.append(
                PairRow(RUN, subject.concept, text.sample_id, "negative", kind, rng.random(), position)  # type: ignore[arg-type]
            )
    return pairs


def _judge_rows(
    pairs: list[PairRow], texts: list[Text], rng: random.Random, *, baseline: bool, hostile: bool
) -> list[Row]:
    about = {text.sample_id: text for text in texts}
    backend = ("offline", "tfidf") if baseline else ("anthropic", "claude-haiku-5-5")
    rows: list[Row] = [JudgeRow(JUDGE, *backend, "standard", "r" * 16, "{}", baseline, START)]
    sayings = list(HOSTILE_SAYINGS) if hostile else []
    for i, text in enumerate(texts):
        topic = sayings[i] if i < len(sayings) else text.about
        unscored = "the text is empty" if text.form == "empty" else None
        similarity = None if unscored else round(rng.uniform(0.2, 0.95), 3)
        said = None if unscored else topic
        rows.append(TopicRow(JUDGE, text.sample_id, 0, said, similarity, unscored, topic, 90, 6, 0.0, START))
    votes = []
    for i, pair in enumerate(pairs):
        rating = _rating(pair, about[pair.sample_id].form, rng)
        # The third pair at least, so that every study has one that the judge failed on.
        lost = rng.random() < 0.02 or i == 2
        explanation = None if lost else (sayings[i] if i < len(sayings) else _explain(pair.concept, rating))
        reason = "no number in the reply" if lost else None
        value = None if lost else rating
        votes.append(
            JudgmentRow(JUDGE, pair.concept, pair.sample_id, 0, value, explanation, reason, "raw", 120, 20, 0.0, START)
        )
    # Sample by sample, as a run asks for them.
    return [*rows, *sorted(votes, key=lambda vote: (vote.sample_id, vote.concept))]


def _rating(pair: PairRow, form: str, rng: random.Random) -> int:
    if pair.arm == "positive":
        return rng.choice((3, 4, 4, 4, 5, 5, 5)) if form == "good" else rng.choice((1, 1, 1, 2, 2, 3))
    if pair.negative_kind == "sibling" and form == "good":
        return rng.choice((1, 1, 2, 2, 2, 3, 4))
    return rng.choice((1, 1, 1, 1, 2))


def _explain(concept: str, rating: int) -> str:
    words = ("is unrelated to", "touches only the edge of", "discusses the area of", "is about", "is squarely about")
    return f"The text {words[rating - 1]} {concept}."


def _lens_rows(chosen: list[Subject], pairs: list[PairRow], texts: list[Text], rng: random.Random) -> list[Row]:
    forms = {text.sample_id: text.form for text in texts}
    rows: list[Row] = []
    for c, subject in enumerate(chosen):
        own = [pair for pair in pairs if pair.concept == subject.concept]
        for family in FAMILIES:
            for layer in LAYERS:
                lens_id = f"lens-{c:03d}-{family}-{layer}"
                rows += _lens_rows_of(lens_id, subject, family, layer, own, rng)
                for fold, pair in enumerate(own):
                    centre = 0.72 if (pair.arm == "positive" and forms[pair.sample_id] == "good") else 0.3
                    probability = min(max(rng.gauss(centre, 0.18), 0.01), 0.99)
                    rows.append(LensScoreRow(lens_id, pair.sample_id, 0, fold % 5, probability, probability >= 0.5))
    return rows


def _lens_rows_of(
    lens_id: str, subject: Subject, family: str, layer: int, own: list[PairRow], rng: random.Random
) -> list[Row]:
    n_positive = sum(pair.arm == "positive" for pair in own)
    counts = (n_positive, len(own) - n_positive, 0, 8)
    reason = "fewer than 2 groups hold positives" if subject.quadrant is None else None
    made = ("output", "in_context", "mean", *counts, None if reason else 0.5, 0.01, 257, reason, None, START)
    lens = LensRow(lens_id, RUN, subject.concept, family, (layer,), *made)  # type: ignore[arg-type]
    if subject.quadrant is None:
        return [lens]
    f1 = min(max(LENS_F1[subject.quadrant] + rng.gauss(0, 0.05) + (0.03 if layer == LAYERS[-1] else 0), 0.3), 0.98)
    measures = {
        "precision": f1,
        "recall": f1,
        "auc": min(f1 + 0.05, 1),
        "average_precision": min(f1 + 0.04, 1),
        "always_positive_f1": 2 / 3,
        "shuffled_f1": rng.uniform(0.4, 0.55),
        "text_only_f1": rng.uniform(0.5, 0.72),
        "length_only_f1": rng.uniform(0.4, 0.62),
    }
    n, method = len(own), "drawn"
    others = [LensMeasureRow(lens_id, name, value, None, None, n, None, method) for name, value in measures.items()]
    return [lens, LensMeasureRow(lens_id, "f1", f1, max(f1 - 0.13, 0), min(f1 + 0.1, 1), n, None, method), *others]
