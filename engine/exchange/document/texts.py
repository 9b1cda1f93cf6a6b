"""Sections with texts: examples of what the model wrote, how the numbers come about, and what the words mean."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Final

from engine.exchange.document.facts import EXAMPLE_CHARS, EXAMPLES_EACH, StudyFacts
from engine.exchange.document.model import Block, Examples, Facts, Paragraph, Section, joined
from engine.stats.form import (
    EMPTY_BELOW_CHARS,
    OPENING_CHARS,
    REPETITIVE_ABOVE_4GRAM_SHARE,
    REPETITIVE_FROM_LOOP_SHARE,
    REPETITIVE_FROM_OPENINGS,
    SHORT_BELOW_CHARS,
)
from engine.words import ARM, CEILING, FORM, GAP, GOOD, LENS, PAIR, QUADRANT, RATINGS, TARGET, count, integer, number

Json = Mapping[str, Any]
_GROUPS: Final = (("good", "in good form"), ("other", "degenerate"))
GLOSSARY: Final = {
    "Concept": (
        "A term of the concept pack, such as gin. A concept's siblings share a parent with it; its senses are "
        "its meanings."
    ),
    "Concept pack": "A list of concepts in layers, from general to specific, with definitions, parents and senses.",
    "Lens": LENS,
    "Subject model": "The language model that writes the texts and whose activations the lenses read.",
    "Sample": "A prompt and the text that the model wrote in response.",
    "Pair": PAIR,
    "Arm": ARM,
    "Judge": (
        "Who rates how far a text is about a concept, from 1 to 5, without knowing its arm: a language model, a "
        "baseline, or people."
    ),
    "Rating": "; ".join(f"{n}: {words.lower()}" for n, words in RATINGS.items()) + ".",
    "Verdict": "The rating in force: a person's override, else an audit rating, else the judge's mean.",
    "Relevance gap": GAP,
    "Form": FORM,
    "Good form": GOOD,
    "Quadrant": QUADRANT,
    "F1": (
        "The harmonic mean of precision (of what the lens flags, how much is right) and recall (of what is right, "
        "how much it flags). Always answering yes reaches 0.67 if half of the pairs are positives."
    ),
    "F1 ceiling": CEILING,
    "Target": TARGET,
    "Interval": (
        "Shown in brackets, at 95 %: computed on many data sets like this one, such intervals contain the true "
        "value 95 times out of 100. Where concepts are the units, the true value refers to concepts like these, not "
        "only to these."
    ),
    "Out of fold": "Measured on samples that the lens was not trained on and whose prompts and texts it has not seen.",
}


def example_section(facts: StudyFacts) -> Section:
    """Good and degenerate positives of each quadrant."""
    blocks: list[Block] = [
        Paragraph(
            f"Up to {EXAMPLES_EACH} positives of each quadrant in either form, drawn by a hash of their ids, so "
            f"nobody picked them. Texts are as the model wrote them, cut after {EXAMPLE_CHARS} characters. A loop at "
            "the end of a text is marked."
        )
    ]
    for quadrant in dict.fromkeys(example.quadrant for example in facts.examples):
        for kind, title in _GROUPS:
            found = tuple(
                e for e in facts.examples if e.quadrant == quadrant and (e.form == "good") == (kind == "good")
            )
            if found:
                place = f"Quadrant {quadrant}" if quadrant else "No quadrant"
                blocks.append(
                    Examples(f"{place}, {title}", tuple(replace(e, concept=facts.name(e.concept)) for e in found))
                )
    if not facts.examples:
        blocks.append(Paragraph("No text has been written and measured yet."))
    return Section("examples", "What the model wrote", tuple(blocks))


def method_section(report: Json, facts: StudyFacts) -> Section:
    """Formulas, intervals, who rated, settings and versions."""
    blocks: list[Block] = [*map(Paragraph, _method(report, facts)), Facts("Formulas", tuple(_formulas(report)))]
    blocks += [
        Facts("Settings of this report", tuple(_report_settings(report)), many=True),
        Facts("Settings of the run", tuple(_run_settings(facts)), many=True),
        Facts("Versions", tuple(_versions(facts)), many=True),
    ]
    return Section("method", "How the numbers are computed", tuple(blocks))


def glossary_section() -> Section:
    """What the words mean, for those who read them for the first time."""
    return Section("glossary", "Glossary", (Facts("", tuple(GLOSSARY.items())),))


def _method(report: Json, facts: StudyFacts) -> Iterator[str]:
    run = facts.run
    if run.imported_from is not None:
        yield f"The texts were imported from {run.imported_from}; Lensgap generated none of them."
    else:
        yield (
            f"{run.model} (fingerprint {run.model_fingerprint}) wrote {integer(report['n_samples'])} texts in "
            f"response to prompts of the template set {run.template_set}, with seed {run.seed}. They serve "
            f"{integer(report['n_pairs'])} pairs of a text and a concept."
        )
    yield (
        f"The pack is {run.pack} {run.pack_version}, of {integer(run.n_pack_concepts)} concepts. Its count of senses "
        f"counts {run.senses_mean}."
    )
    yield _rated_by(report, facts)
    yield (
        "Intervals are 95 %. For groups, concepts are the units, since ratings of one concept are correlated; for a "
        "single concept, ratings are. Each table says what n counts. A dash is followed by a letter that points to "
        "the reason."
    )


def _rated_by(report: Json, facts: StudyFacts) -> str:
    judge = report["judge"]
    if judge is None:
        said = "No judge has rated the texts."
    else:
        said = f"The judge is {judge['backend']} ({judge['model']})."
        if judge["is_baseline"]:
            said += (
                " It is a baseline, not a language model: it compares words, and its ratings are not evidence of "
                "relevance."
            )
    people = {raters.source: raters for raters in facts.raters}
    told = [
        f"{count(people[source].n_pairs, 'pair')} {how} by {count(people[source].n_reviewers, 'person', 'people')}"
        for source, how in (("override", "overridden"), ("audit", "rated blind in an audit"))
        if source in people
    ]
    return f"{said} {f'People: {joined(told)}' if told else 'No person has rated any'}."


def _formulas(report: Json) -> Iterator[tuple[str, str]]:
    yield "gap", "mean rating of positives − mean rating of negatives"
    yield "among good texts", "the same over texts in good form"
    yield "from form", "gap − gap among good texts"
    if report["form_rule"] == "loop":
        loop = (
            f"tail loop ≥ {REPETITIVE_FROM_LOOP_SHARE:.0%} of the words, or repeated 4-grams > "
            f"{REPETITIVE_ABOVE_4GRAM_SHARE:.0%}"
        )
    else:
        loop = f"the first {OPENING_CHARS} characters occur ≥ {REPETITIVE_FROM_OPENINGS} times"
    yield "form", f"empty < {EMPTY_BELOW_CHARS} characters, short < {SHORT_BELOW_CHARS}, repetitive: {loop}, else good"
    yield "F1", "2 · hits ÷ (positives + predictions), out of fold"
    yield "floor", "2π ÷ (1 + π), the F1 of always answering yes, where π is the share of positives"
    for group in ("gap", "topicality", "degeneracy"):
        found = report["overall"]["gap_method"] if group == "gap" else report["overall"][group]["method"]
        names = {
            "gap": "interval of the gap",
            "topicality": "of its part among good texts",
            "degeneracy": "of its part from form",
        }
        yield names[group], found
    yield "interval of the gap, ratings as units", report["overall"]["gap_within_ratings"]["method"]


def _report_settings(report: Json) -> Iterator[tuple[str, str]]:
    settings = report["settings"]
    yield "asked for (--target)", number(settings["user_target"])
    yield "on topic above (--k)", str(settings["k"])
    yield "stability (--stability)", number(settings["stability"])
    yield "form rule (--form-rule)", report["form_rule"]
    yield "targets from", settings["target_from"].replace("_", " ")
    yield "lens family (--family)", str(report["lens"]["family"])
    yield "lens layer", str(report["lens"]["layer"]) if report["lens"]["layer"] is not None else "none trained"


def _run_settings(facts: StudyFacts) -> Iterator[tuple[str, str]]:
    for name, value in sorted(facts.run.config.items()):
        if value not in (None, [], ""):
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield name, shown if len(shown) <= 200 else f"{shown[:199]}…"


def _versions(facts: StudyFacts) -> Iterator[tuple[str, str]]:
    yield "this report", f"lensgap {version('lensgap')}"
    for name, value in facts.run.versions.items():
        yield f"{name}, when the run was made", str(value)
