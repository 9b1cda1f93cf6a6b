"""Statements of the report on lenses, ceilings, activations, training and the judge, and what each rests on in a study."""

from __future__ import annotations

from engine.stats.agreement import Agreement
from engine.stats.claim_data_statements import quadrant_evidence
from engine.stats.claim_evidence import Evidence, mean_evidence, rank_evidence, read_off
from engine.stats.claim_facts import StudyFacts, difference
from engine.stats.claims import Remark, Statement
from engine.stats.estimate import unknown, without_interval
from engine.stats.findings import ARMS

ASKED, PRIMARY, STABILITY = 0.95, 0.85, 0.75
"""The F1 that the report's pipeline asked for, the one that it recommends, and its share of errors that activations undo."""
TRUSTED_KAPPA = 0.6
"""Quadratic kappa from which agreement is called substantial (Landis and Koch 1977, doi:10.2307/2529310)."""
_TRAIN = "lenses of two concepts or more, with ratings of both arms: lensgap train, lensgap judge"
_ACTIVATIONS = "lenses of two concepts or more, tested on activations of the other phase: lensgap activations"


def lens_statements(facts: StudyFacts) -> list[Statement]:
    """What the report says of F1 and of all that moves it."""
    return [*_reach(facts), *_measured(facts), *_activations(facts), *_training(facts), judge_statement(facts)]


def _reach(facts: StudyFacts) -> list[Statement]:
    ceilings, f1 = facts.values(lambda c: c.ceiling), facts.values(lambda c: c.f1)
    of_c = [c for c in facts.concepts if c.quadrant == "C"]
    return [
        Statement(
            "asked-out-of-reach",
            "An F1 of 0.95 is out of reach",
            "4.3, 6 (3)",
            (
                mean_evidence("label-noise ceiling", ceilings, side="below", bar=ASKED),
                mean_evidence("measured F1", f1, side="below", bar=ASKED),
            ),
            _TRAIN,
        ),
        Statement(
            "primary-reached",
            "The lenses reach an F1 of 0.85",
            "abstract, 4.4, 6 (4)",
            (mean_evidence("measured F1", f1, side="above", bar=PRIMARY),),
            _TRAIN,
        ),
        Statement(
            "c-needs-less",
            "Concepts of quadrant C need a target below 0.85",
            "4.2, 4.4",
            (
                mean_evidence("label-noise ceiling of C", [c.ceiling for c in of_c], side="below", bar=PRIMARY),
                mean_evidence("measured F1 of C", [c.f1 for c in of_c], side="below", bar=PRIMARY),
            ),
            _TRAIN,
        ),
        Statement(
            "data-bound-f1",
            "No F1 exceeds what the quality of the data permits",
            "1.2",
            (
                mean_evidence(
                    "F1 minus label-noise ceiling",
                    facts.values(lambda c: difference(c.f1, c.ceiling)),
                    side="below",
                ),
            ),
            _TRAIN,
        ),
        Statement(
            "few-graduate",
            "Fewer than half of the concepts graduate at the F1 asked for",
            "1.1, 4.3",
            (mean_evidence("graduated share", facts.values(lambda c: c.graduated), side="below", bar=0.5),),
            "an escalation of two concepts or more: lensgap escalate",
        ),
    ]


def _measured(facts: StudyFacts) -> list[Statement]:
    over_text = facts.values(lambda c: difference(c.f1, c.text_only_f1))
    over_yes = facts.values(lambda c: difference(c.f1, c.always_positive_f1))
    return [
        Statement(
            "gap-predicts-f1",
            "The relevance gap predicts F1",
            "3.5, 5.3",
            (rank_evidence("gap and F1", [(c.gap, c.f1) for c in facts.concepts], side="above"),),
            "lenses and ratings of more concepts: lensgap train, lensgap judge",
        ),
        Statement(
            "c-lowest-f1",
            "Lenses of quadrant C perform worst",
            "6.1",
            quadrant_evidence(facts, "F1", lambda c: c.f1, side="below"),
            "lenses of two concepts or more of each quadrant: lensgap train",
        ),
        Statement(
            "reads-the-concept",
            "Lenses read the concept, not the words",
            "assumed throughout",
            (
                mean_evidence("F1 minus text-only F1", over_text, side="above"),
                mean_evidence("F1 minus always-positive F1", over_yes, side="above"),
            ),
            _TRAIN,
        ),
        Statement(
            "siblings-harder",
            "Negatives from siblings are harder than unrelated ones",
            "2.3, 6.1",
            (
                mean_evidence(
                    "false alarms, sibling minus unrelated", facts.values(lambda c: c.sibling_alarm), side="above"
                ),
            ),
            "lenses of concepts that have both kinds of negatives: lensgap train",
        ),
    ]


def _activations(facts: StudyFacts) -> list[Statement]:
    """The lead on texts that do not show the concept, alone and against the lead on good ones: a lens that reads little of
    good outputs, too, is no evidence on what activations hold."""
    kept = [
        None if c.degenerate_lead is None or c.good_lead is None else c.degenerate_lead - STABILITY * c.good_lead
        for c in facts.concepts
    ]
    # Over chance, for half of an AUC is had for nothing.
    transferred = [(moved - 0.5) - STABILITY * (within - 0.5) for moved, within in facts.transfer]
    off_topic, degenerate = facts.values(lambda c: c.off_topic_lead), facts.values(lambda c: c.degenerate_lead)
    with_both = "lenses of concepts with such outputs in both arms: lensgap train, lensgap judge"
    return [
        Statement(
            "activations-better",
            "Activations are better than outputs: they hold what the text lacks",
            "1.3, 4.1, 6 (1)",
            (
                mean_evidence("fires on off-topic texts, positives minus negatives", off_topic, side="above"),
                mean_evidence("fires on degenerate texts, positives minus negatives", degenerate, side="above"),
            ),
            with_both,
        ),
        Statement(
            "quarter-of-errors",
            "At most a quarter of the output errors reaches the activations",
            "4.1",
            (mean_evidence("lead on degenerate texts minus 0.75 of that on good ones", kept, side="above"),),
            with_both,
        ),
        Statement(
            "stable-over-phases",
            "Three quarters of the prompt's activation are found in the output's",
            "abstract, 1.3, 4.1",
            (
                mean_evidence(
                    "AUC over chance of prompt lenses on outputs, minus 0.75 of own", transferred, side="above"
                ),
            ),
            _ACTIVATIONS,
        ),
    ]


def _training(facts: StudyFacts) -> list[Statement]:
    changes = (
        ("filter", "filtering-helps", "Leaving degenerate outputs out raises F1", "5.1", "lensgap filter"),
        ("refinement", "refinement-helps", "A second pass tells siblings apart better", "5.2, 6 (5)", "lensgap refine"),
        ("splitting", "splitting-helps", "Splitting senses raises F1", "6.1", "lensgap compare split"),
        ("bucketing", "bucketing-helps", "Bucketing siblings raises F1", "6.1", "lensgap compare bucket"),
    )
    measured = {"refinement": ("top-1 among siblings, after minus before", "sibling groups")}
    return [
        Statement(
            "more-pairs-help",
            "More pairs raise F1: it is low for want of them",
            "3.4",
            (mean_evidence("F1 of all pairs minus that of half of them", facts.learning, side="above"),),
            "a learning curve of two concepts or more: lensgap curve",
        ),
        *(
            Statement(
                name,
                words,
                where,
                (_change(facts, kind, *measured.get(kind, ("F1, after minus before", "concepts"))),),
                to,
            )
            for kind, name, words, where, to in changes
        ),
    ]


def _change(facts: StudyFacts, kind: str, words: str, unit: str) -> Evidence:
    if kind not in facts.changes:
        return read_off(words, unknown("it has not been tried in this run", method="paired"), side="above", bar=0.0)
    return mean_evidence(words, facts.changes[kind], side="above", unit=unit)


def judge_statement(facts: StudyFacts) -> Statement:
    """Whether the judge may be trusted: its agreement with people, in each arm, on pairs that were drawn."""
    return Statement(
        "judge-trusted",
        "The judge may be trusted in both arms",
        "2.4, assumed",
        tuple(_kappa(arm, facts.agreement.get(arm)) for arm in ARMS),
        "more pairs rated blind: lensgap audit plan, then the dashboard",
    )


def _kappa(arm: str, agreement: Agreement | None) -> Evidence:
    words = f"kappa with people, {arm} arm"
    if agreement is None:
        nothing = unknown("no drawn pair is rated by people", method="quadratic kappa")
        return read_off(words, nothing, side="above", bar=TRUSTED_KAPPA)
    kappa = agreement.kappa
    if kappa.value is not None and agreement.weak:
        because = f"{agreement.n_concepts} concepts are too few to trust it"
        kappa = without_interval(kappa.value, n=kappa.n, method=kappa.method, because=because)
    return read_off(words, kappa, side="above", bar=TRUSTED_KAPPA, freedom=max(kappa.n - 1, 1))


UNTESTABLE = (
    Remark("60 to 125 lenses an hour are trained", "1.1", "a pipeline's speed on its own machine"),
    Remark("Falloff to 0.75, 0.70 at least", "4.4", "a recommendation; `lensgap report` derives targets from ceilings"),
    Remark("Lower targets save escalation steps", "4.3, 5.1", "it takes two escalations, one for each target"),
    Remark("Other pack layers, larger models, other prompts do better", "8", "it takes runs: lensgap compare runs"),
    Remark("Lenses stay independent at run time", "6.1", "a decision of design, no statement about data"),
)
