"""How a run's numbers came about and what they are, as a Markdown document beside its artifacts.

Everything is said of this run: what was chosen, written, judged and trained, the tables with their n and intervals, and what
they do not support. Names are untrusted and escaped; no text of the study is quoted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from engine.exchange.artifacts import NOT_COUNTED
from engine.stats.form import EMPTY_BELOW_CHARS, OPENING_CHARS, REPETITIVE_FROM_OPENINGS, SHORT_BELOW_CHARS
from engine.terminal import visible

Json = Mapping[str, Any]
FORMS = ("empty", "short", "repetitive", "good")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is told of the run beside its report; `imported_from` is None where a model of ours wrote the texts."""

    run_id: str
    name: str
    created_at: str
    config: Json
    model: str
    seed: int
    templates: str
    pack: str
    senses_mean: str
    imported_from: str | None
    reported_f1: Mapping[str, float]
    n_overrides: int
    n_audited: int
    in_force: bool


def methodology(facts: Facts, report: Json) -> str:
    """The document."""
    sections = (
        [f"# Methodology of run {plain(facts.run_id)}", ""],
        _origin(facts, report),
        _selection(facts, report),
        _forms(report),
        _relevance(facts, report),
        _lenses(facts, report),
        _limits(),
    )
    return "\n".join(line for section in sections for line in section)


def plain(text: object) -> str:
    """A name of the study as plain text: one line, nothing in it read as Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>()#+\-!|&~$])", r"\\\1", visible(str(text)))


def _origin(facts: Facts, report: Json) -> list[str]:
    lines = ["## The texts", ""]
    if facts.imported_from is not None:
        lines += [
            f"The texts were imported from {plain(facts.imported_from)} ({facts.created_at}); Lensgap generated none of them. "
            f"The model that wrote them: {plain(facts.model)}. The kind of each negative is unknown.",
        ]
    else:
        names = ("temperature", "top_p", "max_new_tokens", "n_positive", "n_negative")
        told = ", ".join(f"{plain(name)} {facts.config.get(name)}" for name in names)
        lines += [
            f"{plain(facts.model)} wrote the texts ({facts.created_at}), from the prompt templates "
            f"{plain(facts.templates)}, with seed {facts.seed}: {told}.",
        ]
    lines += [
        f"There are {report['n_samples']:,} samples in {report['n_pairs']:,} pairs of a sample and a concept.",
        "",
    ]
    return lines


def _selection(facts: Facts, report: Json) -> list[str]:
    rows = [
        (
            plain(one["concept"]),
            one["quadrant"] or f"none: {plain(one['quadrant_reason'])}",
            "unknown" if facts.senses_mean == NOT_COUNTED else one["n_senses"],
            "unknown" if one["n_siblings"] is None else one["n_siblings"],
            one["n_positive"],
            one["n_negative"],
        )
        for one in report["concepts"]
    ]
    count = next((one["sibling_count"] for one in report["concepts"]), "distinct")
    return [
        "## The concepts",
        "",
        f"Pack: {plain(facts.pack)}. What its count of senses means: {plain(facts.senses_mean)}. Sibling count: {count}.",
        "",
        *_table(("Concept", "Quadrant", "Senses", "Siblings", "Positives", "Negatives"), rows),
    ]


def _forms(report: Json) -> list[str]:
    rows = [
        (f"{quadrant} {arm}", *(_percent(finding["form"][arm].get(form)) for form in FORMS))
        for quadrant, finding in report["quadrants"].items()
        for arm in ("positive", "negative")
    ]
    return [
        "## Form of the texts",
        "",
        f"Of the stripped text, in this order: empty below {EMPTY_BELOW_CHARS} characters, short below {SHORT_BELOW_CHARS}, "
        f"repetitive when its first {OPENING_CHARS} characters occur at least {REPETITIVE_FROM_OPENINGS} times, else good.",
        "",
        *_table(("Quadrant", "Empty", "Short", "Repetitive", "Good"), rows),
    ]


def _relevance(facts: Facts, report: Json) -> list[str]:
    judge = report["judge"]
    if judge is None:
        return ["## Relevance", "", "Nobody has judged the texts.", ""]
    named = f"{plain(judge['backend'])} ({plain(judge['model'])})"
    baseline = " It is a baseline and no language model." if judge["is_baseline"] else ""
    grains = [*report["quadrants"].items(), ("Overall", report["overall"])]
    rows = [
        (
            name,
            _rating(one["positive_mean"]),
            _rating(one["negative_mean"]),
            _number(one["gap"]),
            _interval(one["gap_low"], one["gap_high"]),
            one["n_positive_rated"],
            one["n_negative_rated"],
        )
        for name, one in grains
    ]
    files = (
        "the verdict in force: an override, else an audit rating, else the judge's" if facts.in_force else "the judge's"
    )
    return [
        "## Relevance",
        "",
        f"Judge: {named}.{baseline} Each text is rated 1 to 5 for its concept, negatives too; what has no score is null. "
        "The table rests on verdicts: where a person rated a pair, that stands for the judge's rating "
        f"({facts.n_overrides:,} overrides, {facts.n_audited:,} audit ratings). The rating in the files is {files}, and several "
        "votes are one rounded mean. The gap is the mean of positives minus that of negatives, with a 95 % interval.",
        "",
        *_table(("Quadrant", "Positives", "Negatives", "Gap", "95 % of gap", "n positives", "n negatives"), rows),
    ]


def _lenses(facts: Facts, report: Json) -> list[str]:
    if facts.imported_from is not None:
        return _reported_lenses(facts, report)
    rows = [
        (
            plain(one["concept"]),
            one["quadrant"] or "none",
            _number(one["lens"]["f1"], 3),
            _interval(one["lens"].get("low"), one["lens"].get("high"), 3),
            one["lens"].get("n", "–"),
            _number(one["lens"].get("always_positive_f1"), 3),
            _number(one["lens"].get("text_only_f1"), 3),
            plain(one["lens"]["reason"] or ""),
        )
        for one in report["concepts"]
    ]
    lens = report["lens"]
    layer = "none trained" if lens["layer"] is None else f"layer {lens['layer']}"
    return [
        "## Lenses",
        "",
        f"Family {plain(lens['family'])}, {layer}. F1 is measured out of fold; no prompt template and no equal text stands on "
        "both sides. Read it beside the F1 of always saying yes and that of a classifier of the text alone.",
        "",
        *_table(("Concept", "Quadrant", "F1", "95 % of F1", "n", "Always yes", "Text only", "Why none"), rows),
    ]


def _reported_lenses(facts: Facts, report: Json) -> list[str]:
    """F1 as others reported it, by concept and as plain means."""
    if not facts.reported_f1:
        return ["## Lenses", "", "Nothing was reported of lenses, and without activations none can be trained.", ""]
    quadrants = {one["concept"]: one["quadrant"] for one in report["concepts"]}
    named = [concept for concept in quadrants if concept in facts.reported_f1]
    rows = [(plain(concept), quadrants[concept] or "none", _number(facts.reported_f1[concept], 3)) for concept in named]
    means = [
        (name, _number(fmean(facts.reported_f1[concept] for concept in members), 3), len(members))
        for name, members in [*((q, [c for c in named if quadrants[c] == q]) for q in "ABCD"), ("Overall", named)]
        if members
    ]
    return [
        "## Lenses, as reported",
        "",
        "These F1 values are reported, not ours: they came with the imported files, and Lensgap has no activations to check "
        "them by. Their intervals and baselines are unknown.",
        "",
        *_table(("Concept", "Quadrant", "F1"), rows),
        *_table(("Quadrant", "Mean F1", "Concepts"), means),
    ]


def _limits() -> list[str]:
    return [
        "## Limits",
        "",
        "- Ratings are a judge's, and it may be wrong; only an audit by blind ratings of drawn pairs says how far.",
        "- Intervals of quadrants rest on few concepts, which may lack a rare kind that fails.",
        "- `analysis.csv` cuts prompts and responses to 200 characters; the JSON files hold them whole.",
        "- The texts are a model's. In `analysis.csv` one that a spreadsheet may run as a formula has an apostrophe before it.",
        "",
    ]


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return [*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows), ""]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f}%"


def _rating(mean: float | None) -> str:
    return "–" if mean is None else f"{mean:.2f}/5"


def _number(value: float | None, places: int = 2) -> str:
    return "–" if value is None else f"{value:.{places}f}"


def _interval(low: float | None, high: float | None, places: int = 2) -> str:
    return "–" if low is None or high is None else f"{low:.{places}f} to {high:.{places}f}"
