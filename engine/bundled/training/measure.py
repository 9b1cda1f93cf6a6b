"""What a checkpoint writes about the pack: forms, lengths, repeats, topics, ratings, and how well a lens reads it.

Every concept measured gets the same number of texts for every prompt template. Forms follow the `study` rule, topics
and ratings come from the offline judge. Lenses are logistic regressions on the mean hidden state over the output, in the
prompt's context, cross-validated with whole templates left out, because memorised texts repeat under one prompt. This is
a quick check for the model card, not a study.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.bundled.training.corpus import TEMPLATE_SET
from engine.judges.judge import Question, Rating, Topic
from engine.judges.offline import OfflineJudge
from engine.lenses.evaluate import evaluate
from engine.lenses.folds import join_groups
from engine.lenses.registry import FAMILIES
from engine.packs.pack import Pack
from engine.prompts.templates import load_templates
from engine.stats.form import Form, classify_form, measure_form

ON_TOPIC_RATING = 3
# Letter strings that are no words; what a lens makes of them shows how far it reads an unfamiliar prompt.
UNKNOWN_NAMES = ("flumbert", "vorquil", "zendrick", "mulspane", "quandle", "tresmoy")

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Sampling:
    """How texts are drawn."""

    n_concepts: int = 48
    n_each: int = 3
    temperature: float = 0.7
    top_p: float = 0.9
    max_new_tokens: int = 48
    batch: int = 96
    seed: int = 0


@dataclass(frozen=True)
class Sample:
    """One text, its prompt, and the ids of both."""

    term: str
    template: str
    output: str
    prompt_ids: tuple[int, ...]
    output_ids: tuple[int, ...]


@dataclass(frozen=True)
class Measurement:
    """Shares are fractions of 1 over `n_texts`, `ratings` those of 1 to 5; F1 values are means over concepts."""

    n_texts: int
    empty: float
    short: float
    repetitive: float
    good: float
    mean_characters: float
    repeated: float
    nearest_concept: float
    on_topic: float
    ratings: tuple[float, ...]
    rating: float
    rating_of_others: float
    lens_f1: float
    shuffled_f1: float
    always_positive_f1: float
    unknown_lens_f1: float
    n_lenses: int


def measure(folder: Path, pack: Pack, *, sampling: Sampling | None = None) -> tuple[Measurement, list[Sample]]:
    """Sample from the model in `folder` about concepts spread evenly over the pack, and measure the texts."""
    sampling = sampling or Sampling()
    model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    step = max(1, len(pack.concepts) // sampling.n_concepts)
    terms = [concept.term for concept in pack.concepts[::step][: sampling.n_concepts]]
    samples = draw(model, tokenizer, terms, sampling)
    unknown = draw(model, tokenizer, UNKNOWN_NAMES, sampling)
    vectors, unknown_vectors = hidden_means(model, samples), hidden_means(model, unknown)
    lenses = [_lens_f1(term, samples, vectors, samples, vectors, sampling.seed) for term in terms]
    strange = [_lens_f1(name, unknown, unknown_vectors, samples, vectors, sampling.seed) for name in UNKNOWN_NAMES]
    lens_f1, shuffled, always = (_mean_of_known(column) for column in zip(*lenses, strict=True))
    outputs = [sample.output for sample in samples]
    measurement = Measurement(
        n_texts=len(samples),
        **_form_shares(outputs),
        mean_characters=float(np.mean([len(output) for output in outputs])),
        repeated=1 - len(set(outputs)) / len(outputs),
        **_topics(samples, pack, sampling.seed),
        lens_f1=lens_f1,
        shuffled_f1=shuffled,
        always_positive_f1=always,
        unknown_lens_f1=_mean_of_known([f1 for f1, _, _ in strange]),
        n_lenses=len(lenses),
    )
    return measurement, samples


def draw(model: Any, tokenizer: Any, terms: Iterable[str], sampling: Sampling) -> list[Sample]:
    """Sample `n_each` texts for every term and template; batches are sorted by prompt length, so padding is rare."""
    asked = [
        (term, name, tokenizer(text.format(term=term))["input_ids"])
        for term in terms
        for name, text in load_templates(TEMPLATE_SET).templates.items()
        for _ in range(sampling.n_each)
    ]
    asked.sort(key=lambda item: len(item[2]))
    samples: list[Sample] = []
    with torch.random.fork_rng():
        torch.manual_seed(sampling.seed)
        for start in range(0, len(asked), sampling.batch):
            batch = asked[start : start + sampling.batch]
            for (term, name, ids), output in zip(batch, _generate(model, tokenizer, batch, sampling), strict=True):
                text = tokenizer.decode(output, skip_special_tokens=True).strip()
                samples.append(Sample(term, name, text, tuple(ids), tuple(output)))
    return samples


def _generate(
    model: Any, tokenizer: Any, batch: list[tuple[str, str, list[int]]], sampling: Sampling
) -> list[list[int]]:
    """Return each row's new ids up to, and without, the end token."""
    padded = tokenizer.pad({"input_ids": [ids for _, _, ids in batch]}, return_tensors="pt", padding_side="left")
    with torch.inference_mode():
        rows = model.generate(
            **padded,
            do_sample=True,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=0,
            max_new_tokens=sampling.max_new_tokens,
        )
    new = rows[:, padded["input_ids"].shape[1] :].tolist()
    end = tokenizer.eos_token_id
    return [ids[: ids.index(end)] if end in ids else ids for ids in new]


def hidden_means(model: Any, samples: Sequence[Sample]) -> Vectors:
    """Return the mean last hidden state over each output, (n, width); NaN where the output has no token."""
    means = np.full((len(samples), model.config.hidden_size), np.nan, dtype=np.float32)
    with torch.inference_mode():
        for row, sample in enumerate(samples):
            if sample.output_ids:
                ids = torch.tensor([[*sample.prompt_ids, *sample.output_ids]])
                states = model(input_ids=ids, output_hidden_states=True).hidden_states[-1][0]
                means[row] = states[len(sample.prompt_ids) :].mean(dim=0).numpy()
    return means


def _lens_f1(
    term: str, own: Sequence[Sample], own_vectors: Vectors, others: Sequence[Sample], other_vectors: Vectors, seed: int
) -> tuple[float | None, float | None, float | None]:
    """Return out-of-fold F1 of a lens for `term` against as many texts on other concepts, on shuffled labels, and of "yes".

    None where the texts repeat so much that no folds are left.
    """
    positive = [row for row, sample in enumerate(own) if sample.term == term and sample.output_ids]
    pool = [row for row, sample in enumerate(others) if sample.term != term and sample.output_ids]
    rng = random.Random(f"{seed}/{term}")
    negative = rng.sample(pool, len(positive))
    features = np.concatenate([own_vectors[positive], other_vectors[negative]])
    chosen = [own[row] for row in positive] + [others[row] for row in negative]
    texts = [sample.output for sample in chosen]
    # The study's own lens and folds: no template and no repeated text on both sides.
    found = evaluate(
        FAMILIES["logistic"],
        features,
        np.repeat([1, 0], len(positive)),
        groups=join_groups([sample.template for sample in chosen], texts),
        texts=texts,
        seed=seed,
    )
    measures = found.measures
    if not measures:
        return None, None, None
    return measures["f1"].value, measures["shuffled_f1"].value, measures["always_positive_f1"].value


def _mean_of_known(values: Sequence[float | None]) -> float:
    """NaN where nothing is known, which a card shows as it is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")


def _form_shares(outputs: Sequence[str]) -> dict[str, Any]:
    forms = [classify_form(measure_form(output), rule="study") for output in outputs]
    return {name: forms.count(name) / len(forms) for name in get_args(Form)}


def _topics(samples: Sequence[Sample], pack: Pack, seed: int) -> dict[str, Any]:
    """Return the share of texts nearest to their own concept, the share rated on topic, and mean ratings.

    `rating_of_others` rates each text for a concept drawn from the others', as a negative arm would.
    """
    judge = OfflineJudge(pack)
    rng = random.Random(seed)
    terms = [concept.term for concept in pack.concepts]
    topics = _named_topics(judge, [sample.output for sample in samples])
    own = _ratings(judge, [(sample.output, sample.term) for sample in samples])
    other = [rng.choice([term for term in terms if term != sample.term]) for sample in samples]
    return {
        "nearest_concept": float(
            np.mean([topic == sample.term for topic, sample in zip(topics, samples, strict=True)])
        ),
        "on_topic": float(np.mean(own >= ON_TOPIC_RATING)),
        "ratings": tuple(float(np.mean(own == rating)) for rating in range(1, 6)),
        "rating": float(own.mean()),
        "rating_of_others": float(
            _ratings(judge, [(sample.output, term) for sample, term in zip(samples, other, strict=True)]).mean()
        ),
    }


def _ratings(judge: OfflineJudge, items: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
    asked = [Question("relevance", str(i), text, term) for i, (text, term) in enumerate(items)]
    said = [answer.said for answer in judge.answer(asked)]
    return np.array([word.rating for word in said if isinstance(word, Rating)], dtype=np.float64)


def _named_topics(judge: OfflineJudge, texts: Sequence[str]) -> list[str | None]:
    said = [answer.said for answer in judge.answer(Question("topic", str(i), text) for i, text in enumerate(texts))]
    return [word.topic if isinstance(word, Topic) else None for word in said]
