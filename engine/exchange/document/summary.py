"""The answer at the top, computed from the findings: in a few words, in one paragraph, and as the numbers that decide it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.exchange.document.model import Paragraph, Section, Tile, Tiles, told
from engine.words import CEILINGS, TIERS, count, integer, number, percent

Json = Mapping[str, Any]
QUESTION: Final = "Can this training data support the F1 you ask for?"


def short_answer(report: Json) -> str:
    """The answer in a few words."""
    asked, target = report["settings"]["user_target"], report["overall"]["target"]
    ceiling = decisive_ceiling(report)
    if ceiling["value"] is None or (target["value"] is None and ceiling["low"] is None):
        return "The data cannot tell yet"
    if target["value"] is None:
        return f"No, neither {number(asked)} nor any lower tier"
    if target["value"] >= asked:
        return f"Yes, {number(asked)} is within reach"
    return f"Not {number(asked)}, but {number(target['value'])}"


def decisive_ceiling(report: Json) -> Json:
    """The overall ceiling of the model that targets are taken from."""
    ceiling: Json = report["overall"]["ceilings"][report["settings"]["target_from"]]
    return ceiling


def summary_section(report: Json) -> Section:
    """The question, the answer and what it rests on."""
    return Section("answer", "The answer", (Paragraph(" ".join(_sentences(report)), "lead"), _tiles(report)))


def _sentences(report: Json) -> Iterator[str]:
    overall = report["overall"]
    n_pairs = overall["n_positive"] + overall["n_negative"]
    n_rated = overall["n_positive_rated"] + overall["n_negative_rated"]
    yield (
        f"{short_answer(report)}. This rests on {count(overall['n_concepts'], 'concept')} and {count(n_pairs, 'pair')} of a "
        f"text and a concept, of which {count(n_rated, 'is', 'are')} rated."
    )
    yield _gap_sentence(overall)
    yield _form_sentence(overall)
    yield _ceiling_sentence(report)
    yield _lens_sentence(report)
    yield from _quadrant_sentence(report)


def _gap_sentence(overall: Json) -> str:
    if overall["gap"] is None:
        return f"The relevance gap is unknown: {overall['gap_reason']}."
    gap = {"value": overall["gap"], "low": overall["gap_low"], "high": overall["gap_high"]}
    return f"On average, positives are rated {told(gap)} points above negatives on the scale from 1 to 5."


def _form_sentence(overall: Json) -> str:
    good = overall["form"]["positive"]["good"]
    return (
        "" if good is None else f"Of the positives, {percent(good)} are in good form: not empty, short or repetitive."
    )


def _ceiling_sentence(report: Json) -> str:
    name, ceiling = CEILINGS.get(report["settings"]["target_from"], ""), decisive_ceiling(report)
    if ceiling["value"] is None:
        return f"There is no {name.lower()} ceiling: {ceiling['reason']}."
    target = report["overall"]["target"]
    span = {key: ceiling[key] for key in ("value", "low", "high")}
    advice = (
        "No target is recommended"
        if target["value"] is None
        else f"The recommended target is {number(target['value'])}"
    )
    return f"The {name.lower()} ceiling of F1 is {told(span)}, the mean over concepts. {advice}: {target['reason']}."


def _lens_sentence(report: Json) -> str:
    lens = report["overall"]["lens"]
    if lens["mean_f1"] is None:
        return f"No F1 is measured: {lens['reason']}."
    f1 = {"value": lens["mean_f1"], "low": lens["low"], "high": lens["high"]}
    return (
        f"Lenses of the family {report['lens']['family']} at layer {report['lens']['layer']} reach a mean F1 of "
        f"{told(f1)} over {count(lens['n'], 'concept')}, out of fold. For comparison, always answering yes reaches "
        f"{number(lens['always_positive_f1'])} and the words alone {number(lens['text_only_f1'])}."
    )


def _quadrant_sentence(report: Json) -> Iterator[str]:
    known = {name: one["gap"] for name, one in report["quadrants"].items() if one["gap"] is not None}
    if len(known) < 2:
        return
    low, high = min(known, key=lambda name: known[name]), max(known, key=lambda name: known[name])
    one, other = report["quadrants"][low], report["quadrants"][high]
    if math.isclose(one["gap"], other["gap"], abs_tol=1e-9):
        yield f"The gap is the same in every quadrant that has one ({number(one['gap'])})."
        return
    yield (
        f"The gap is smallest in quadrant {low} ({number(one['gap'])}) and largest in {high} ({number(other['gap'])}); "
        f"{_order(one, other)}."
    )


def _order(low: Json, high: Json) -> str:
    """What the intervals of the smaller and the larger gap say of their order."""
    if low["gap_high"] is None or high["gap_low"] is None:
        return "one has no interval, so the order may be due to chance"
    if low["gap_high"] < high["gap_low"]:
        return "their intervals do not touch"
    return "their intervals overlap, so the order may be due to chance"


def _tiles(report: Json) -> Tiles:
    overall = report["overall"]
    lens, ceiling, target = overall["lens"], decisive_ceiling(report), overall["target"]
    gap = {"value": overall["gap"], "low": overall["gap_low"], "high": overall["gap_high"], "n": overall["gap_n"]}
    f1 = {"value": lens["mean_f1"], "low": lens["low"], "high": lens["high"], "n": lens["n"]}
    return Tiles(
        (
            _tile("Relevance gap", gap | {"reason": overall["gap_reason"]}, "concepts"),
            _tile("F1 ceiling", ceiling, "concepts"),
            _tile("Measured F1", f1 | {"reason": lens["reason"]}, "concepts"),
            Tile("Asked for", number(report["settings"]["user_target"]), "F1 of a lens"),
            Tile("Recommended", number(target["value"]), TIERS.get(target["tier"], target["tier"]), target["reason"]),
        )
    )


def _tile(name: str, found: Json, unit: str) -> Tile:
    if found["value"] is None:
        return Tile(name, number(None), "not known", str(found["reason"]))
    if found["low"] is None:
        return Tile(name, number(found["value"]), f"no interval, {integer(found['n'])} {unit}")
    span = f"[{number(found['low'])}, {number(found['high'])}]"
    return Tile(name, number(found["value"]), f"{span}, {integer(found['n'])} {unit}")
