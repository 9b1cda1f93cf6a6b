"""Run the lenses of a pack on new texts with the subject model, as one JSON document.

A lens has learnt from activations of a phase, after a prompt or without one. A lens of the output phase reads a text as something
that the model wrote: after `prompt` where one is given, else on its own; a lens of the prompt phase reads it as the prompt. Where
that is not how the lens has learnt, a caution says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from engine.errors import ConfigError, LensPackError
from engine.exchange.lens_pack import LensPack, PackedLens
from engine.lenses.interface import FloatArray, predict_logit
from engine.lists import parted_names
from engine.stages.progress import progress_bars
from engine.subject.capture import Captured, Mode, Phase, Replay, capture
from engine.subject.encode import encode_prompt, opening_tokens
from engine.subject.load import Subject
from engine.terminal import counted

Json = dict[str, Any]
Vectors = Mapping[int, NDArray[np.float32]]
"""A text's activation [d] at each layer."""
CHUNK = 64
MODE_CAUTIONS: Mapping[tuple[Mode | None, Mode], str] = {
    (
        "in_context",
        "output_only",
    ): "The lenses were trained on texts after their prompts (in_context), and here each text stands "
    "alone (output_only), so their F1 does not hold for these scores. A prompt can be given: --prompt.",
    (
        "output_only",
        "in_context",
    ): "The lenses were trained on texts alone (output_only), and here each stands after a prompt.",
}
NOT_FINITE = "the activation is not finite"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text is put to the model, or why it cannot be."""

    text: str
    replay: Replay | None
    n_tokens: int
    n_tokens_cut: int = 0
    reason: str | None = None


def choose_packed(pack: LensPack, *, concepts: Sequence[str], layers: Sequence[int]) -> list[PackedLens]:
    """The lenses of these concepts and layers, all where none is named; ConfigError for one that the pack lacks.

    Commas may part the names.
    """
    lenses = pack.manifest.lenses
    concepts = parted_names(concepts, {lens.concept for lens in lenses})
    for concept in concepts:
        if all(concept != lens.concept for lens in lenses):
            raise ConfigError(f'{pack.folder} has no lens for the concept "{concept}".')
    for layer in layers:
        if all((layer,) != lens.layers for lens in lenses):
            known = (
                ", ".join(map(str, sorted({lens.layer for lens in lenses if lens.layer is not None}))) or "none alone"
            )
            raise ConfigError(
                f"{pack.folder} has no lens at layer {layer}.", hint=f"It has lenses at these layers: {known}."
            )
    chosen = [lens for lens in lenses if not concepts or lens.concept in concepts]
    return [lens for lens in chosen if not layers or lens.layer in layers]


def score_texts(
    pack: LensPack,
    lenses: Sequence[PackedLens],
    subject: Subject,
    texts: Sequence[str],
    *,
    prompt: str | None = None,
    quiet: bool = False,
) -> Json:
    """Logit, probability and decision of every lens on every text, the strongest first.

    LensPackError when the model is of another width or depth than the lenses; another fingerprint is a caution.
    """
    _require_fit(pack, lenses, subject)
    told = pack.manifest
    phase, pool = told.phase or "output", told.pool or "mean"
    if phase == "prompt" and prompt is not None:
        raise ConfigError(
            "The lenses read the prompt phase: each text is read as a prompt, and none can stand before it."
        )
    mode: Mode = "in_context" if prompt is not None or phase == "prompt" else "output_only"
    readings = [_read(subject, text, phase=phase, prompt=prompt) for text in texts]
    layers = sorted({layer for lens in lenses for layer in lens.layers})
    captured = iter(_capture(subject, [r.replay for r in readings if r.replay], layers, quiet=quiet))
    vectors = [_vectors(next(captured), layers, phase, pool) if r.replay else None for r in readings]
    logits = _logits(pack, lenses, [found for found in vectors if found])
    columns = iter(logits.T)
    return {
        "pack": str(pack.folder),
        "model": subject.name,
        "fingerprint": subject.fingerprint,
        "phase": phase,
        "pool": pool,
        "mode": mode,
        "trained_mode": told.mode,
        "cautions": _cautions(pack, subject, mode, readings),
        "texts": [
            _scored(reading, lenses, next(columns) if found else None)
            for reading, found in zip(readings, vectors, strict=True)
        ],
    }


def _require_fit(pack: LensPack, lenses: Sequence[PackedLens], subject: Subject) -> None:
    width, deepest = pack.manifest.model.width, max(max(lens.layers) for lens in lenses)
    if width != subject.width:
        raise LensPackError(
            f"The lenses in {pack.folder} read activations of width {width}, and {subject.name} has {subject.width}.",
            hint="Name the model that they were trained on: --model.",
        )
    if deepest >= subject.n_layers:
        raise LensPackError(
            f"The lenses in {pack.folder} read layer {deepest}, and {subject.name} has layers 0 to {subject.n_layers - 1}."
        )


def _read(subject: Subject, text: str, *, phase: Phase, prompt: str | None) -> Reading:
    """Tokens of a text as the model shall read it; an output that is too long for the context is cut."""
    if phase == "prompt":
        prefix = encode_prompt(subject, text)
        if len(prefix) > subject.context:
            reason = f"as a prompt it has {len(prefix):,} tokens, and the model's context {subject.context:,}"
            return Reading(text, None, len(prefix), reason=reason)
        return Reading(text, Replay(tuple(prefix), (), pool_prefix=True), len(prefix))
    ids = subject.tokenizer(text, add_special_tokens=False)["input_ids"]
    prefix = opening_tokens(subject) if prompt is None else encode_prompt(subject, prompt)
    n_room = subject.context - len(prefix)
    if n_room < 1:
        raise LensPackError(f"The prompt has {len(prefix):,} tokens, and the model's context {subject.context:,}.")
    if not ids:
        return Reading(text, None, 0, reason="the text has no tokens")
    kept = tuple(ids[:n_room])
    return Reading(text, Replay(tuple(prefix), kept, pool_prefix=False), len(ids), len(ids) - len(kept))


def _capture(subject: Subject, replays: Sequence[Replay], layers: Sequence[int], *, quiet: bool) -> list[Captured]:
    """Residuals of each text, in the order given."""
    found: list[Captured] = []
    with progress_bars(quiet=quiet or not replays) as bar:
        task = bar.add_task("score", total=len(replays), note="")
        for start in range(0, len(replays), CHUNK):
            found += capture(subject, replays[start : start + CHUNK], layers=layers)
            bar.update(task, completed=len(found))
    return found


def _vectors(captured: Captured, layers: Sequence[int], phase: Phase, pool: str) -> Vectors | None:
    """The activations that the lenses read; None where one of them is not finite."""
    found = captured.last if pool == "last" else captured.vectors
    vectors = {layer: vector for layer in layers if (vector := found[layer, phase]) is not None}
    is_usable = len(vectors) == len(layers) and all(np.isfinite(vector).all() for vector in vectors.values())
    return vectors if is_usable else None


def _logits(pack: LensPack, lenses: Sequence[PackedLens], vectors: Sequence[Vectors]) -> FloatArray:
    """Logits [lenses, n]; one lens is in memory at a time."""
    if not vectors:
        return np.zeros((len(lenses), 0))
    X = {layer: np.stack([found[layer] for found in vectors]) for layer in vectors[0]}
    return np.stack(
        [
            predict_logit(pack.read_state(lens), np.concatenate([X[layer] for layer in lens.layers], axis=1))
            for lens in lenses
        ]
    )


def _cautions(pack: LensPack, subject: Subject, mode: Mode, readings: Sequence[Reading]) -> list[str]:
    """What makes the scores less than what the lenses' measures promise."""
    told, dtype = pack.manifest, str(next(iter(subject.model.parameters())).dtype).removeprefix("torch.")
    trained_on, trained_in = told.model.fingerprint, told.model.dtype
    n_cut = sum(reading.n_tokens_cut > 0 for reading in readings)
    found = [MODE_CAUTIONS.get((told.mode, mode))]
    if trained_on is None:
        found.append("The pack does not say which model its lenses were trained on, beyond its name and width.")
    elif trained_on != subject.fingerprint:
        found.append(
            f"The lenses were trained on a model of fingerprint {trained_on}; this one's is {subject.fingerprint}."
        )
    if trained_in not in (None, dtype):
        found.append(f"The lenses were trained on a model in {trained_in}, and this one computes in {dtype}.")
    if told.phase is None or told.pool is None:
        found.append("The pack does not say which tokens its lenses read; they are given the mean over the text's.")
    if n_cut:
        found.append(
            f"{n_cut:,} of {counted(len(readings), 'text')} did not fit into the model's context, and the rest was cut off."
        )
    return [caution for caution in found if caution]


def _scored(reading: Reading, lenses: Sequence[PackedLens], logits: FloatArray | None) -> Json:
    scores = [] if logits is None else [_score(lens, float(x)) for lens, x in zip(lenses, logits, strict=True)]
    return {
        "text": reading.text,
        "n_tokens": reading.n_tokens,
        "n_tokens_cut": reading.n_tokens_cut,
        "reason": reading.reason or (NOT_FINITE if logits is None else None),
        "scores": sorted(scores, key=lambda score: score["probability"], reverse=True),
    }


def _score(lens: PackedLens, logit: float) -> Json:
    probability = float(expit(logit))
    return {
        "concept": lens.concept,
        "label": lens.label,
        "layer": lens.layer,
        "layers": list(lens.layers),
        "lens_id": lens.lens_id,
        "logit": logit,
        "probability": probability,
        "threshold": lens.threshold,
        "fires": probability >= lens.threshold,
        "f1": lens.f1,
        "f1_low": lens.f1_low,
        "f1_high": lens.f1_high,
        "always_positive_f1": lens.always_positive_f1,
    }
