"""Sections on what the findings support: claims, what goes with F1, activations, and agreement of who rated.

What has not been worked out for the study leaves a sentence that says so, and the command that does it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from engine.exchange.document.drift import drift_tables
from engine.exchange.document.model import (
    Block,
    Cell,
    Column,
    Command,
    Paragraph,
    Row,
    Section,
    Table,
    counted,
    estimated,
    words,
)
from engine.exchange.judge_names import judge_names
from engine.words import UNKNOWN, count, integer, number

Json = Mapping[str, Any]
_VERDICTS: Final = ("holds", "does not hold", "cannot tell")
_AGREEMENT: Final = {
    "kappa": Column("kappa", "Cohen's kappa with quadratic weights"),
    "alpha": Column("alpha", "Krippendorff's, ordinal"),
    "spearman": Column("Spearman"),
    "within_one": Column("within 1", "Share of pairs at most one rating apart"),
    "bias": Column("bias", "Mean of first minus second"),
}


def claim_section(report: Json, *, study: str) -> Section:
    """The claim ledger: the most settled claims first."""
    found, title = report.get("claims"), "Claims, decided on this study"
    if not found:
        text = "Claims have not been decided for this report."
        return Section("claims", title, (Paragraph(text), Command(f"lensgap claims {study}")))
    claims = sorted(found["claims"], key=lambda claim: _VERDICTS.index(claim["verdict"]))
    holds, fails, open_ = (sum(claim["verdict"] == verdict for claim in claims) for verdict in _VERDICTS)
    intro = (
        f"Verdicts on {count(len(claims), 'claim')}: holds {holds}, does not hold {fails}, cannot tell {open_}; "
        f"{integer(found['n_tested'])} could be tested and were adjusted together. Below each claim is the place in "
        f"the report that states it. {found['rule']}"
    )
    if found["lens"].get("is_reported"):
        intro = f"F1 here is as others reported it, not measured by Lensgap. {intro}"
    columns = (
        Column("claim", align="words"),
        Column("verdict", align="words"),
        Column("what it rests on", align="words"),
        Column("p, adjusted"),
        Column("why, and what would settle it", align="words"),
    )
    rows = tuple(Row(_claim_cells(claim)) for claim in claims)
    blocks: list[Block] = [Paragraph(intro), Table("Claims", columns, rows)]
    if found.get("untestable"):
        blocks.append(_untestable(found["untestable"]))
    return Section("claims", title, tuple(blocks))


def _claim_cells(claim: Json) -> tuple[Cell, ...]:
    evidence = "\n".join(map(_evidence, claim["evidence"])) or UNKNOWN
    settle = f"To settle it: {claim['settle']}." if claim["settle"] else ""
    return (
        words(claim["words"], note=claim["stated_in"]),
        words(claim["verdict"]),
        words(evidence),
        _p(claim["p_adjusted"], why="not testable: its evidence is unknown"),
        words(claim["why"], note=settle),
    )


def _evidence(one: Json) -> str:
    bar = f", {one['side']} {number(one['bar'])} needed"
    if one["value"] is None:
        return f"{one['words']}: {UNKNOWN} ({one['reason']}){bar}"
    span = "no interval" if one["low"] is None else f"[{number(one['low'])}, {number(one['high'])}]"
    return f"{one['words']}: {number(one['value'])} {span}{bar}, n {integer(one['n'])} {one['unit']}"


def _untestable(remarks: Iterable[Json]) -> Table:
    columns = (Column("claim", align="words"), Column("why no single study can decide it", align="words"))
    rows = tuple(Row((words(one["words"], note=one["stated_in"]), words(one["reason"]))) for one in remarks)
    return Table("Claims that cannot be tested", columns, rows)


def _p(value: float | None, *, why: str) -> Cell:
    if value is None:
        return Cell(UNKNOWN, why=why)
    return Cell("< 0.001" if value < 0.0005 else f"{value:.3f}", order=value)


def correlation_section(report: Json) -> Section:
    """What goes with the measured F1 over concepts."""
    found, title = report.get("correlations"), "What goes with F1"
    if not found:
        return Section("correlations", title, (Paragraph("Correlations have not been computed for this report."),))
    columns = (
        Column("predictor", align="words"),
        Column("Spearman", "Rank correlation with F1 over concepts; n counts concepts"),
        Column("Pearson", "Linear correlation with F1 over concepts"),
        Column("others constant", "Spearman with the other predictors held constant"),
        Column("pairs constant", "Spearman with the number of pairs held constant"),
        Column("p, adjusted", "For Spearman, adjusted over predictors by Benjamini and Hochberg"),
    )
    rows = tuple(Row(_correlation_cells(one)) for one in found)
    says = tuple(Paragraph(one["says"], "note") for one in found)
    intro = Paragraph(
        "Each predictor against the measured F1 over concepts. A correlation does not say why two things go together."
    )
    return Section("correlations", title, (intro, Table("Correlation with F1", columns, rows), *says))


def _correlation_cells(one: Json) -> tuple[Cell, ...]:
    return (
        words(one["predictor"]),
        estimated(one["spearman"]),
        estimated(one["pearson"]),
        estimated(one["given_others"], of="others constant: "),
        estimated(one["given_n_pairs"], of="pairs constant: "),
        _p(one["p_adjusted"], why="p: no test"),
    )


def agreement_section(audited: Json, compared: Json) -> Section:
    """How far judges agree with people on drawn pairs, then with each other and with those who came across pairs."""
    blocks: list[Block] = [Paragraph(audited["reason"])] if audited["reason"] else list(_audited(audited))
    rest = [one for one in compared["comparisons"] if one["second"].get("source") != "audit"]
    if rest:
        text = (
            "Not part of the audit: agreement between judges, and with overrides. People chose which pairs to "
            "override, so these describe only such pairs."
        )
        names = judge_names(compared["judges"])
        blocks += [Paragraph(text), *(_agreement_table(one, names) for one in rest)]
    return Section("agreement", "Can the judge be trusted?", tuple(blocks))


def _audited(found: Json) -> Iterator[Block]:
    weighted = (
        " Pairs are weighted by 1/π because they were drawn with different probabilities."
        if found["is_weighted"]
        else ""
    )
    yield Paragraph(
        "Audited pairs are drawn at random and rated blind, so they represent the run. Arms are shown separately "
        f"because pooling them inflates agreement.{weighted}"
    )
    names = judge_names(found["judges"])
    yield from (_agreement_table(one, names) for one in found["comparisons"])
    yield from drift_tables(found, names)


def _agreement_table(comparison: Json, names: Mapping[str, str]) -> Table:
    first, second = _rater(comparison["first"], names), _rater(comparison["second"], names)
    rows = tuple(
        Row((words(arm), counted(found["n"]), *(_measure(found, name, column) for name, column in _AGREEMENT.items())))
        for arm, found in comparison["arms"].items()
    )
    columns = (Column("arm", align="words"), Column("pairs"), *_AGREEMENT.values())
    rule = "First: the rater named first. 95 % intervals: Student's t over the n concepts."
    return Table(f"{first} and {second}", columns, rows, rule=rule)


def _measure(found: Json, name: str, column: Column) -> Cell:
    return estimated(found[name], of=f"{column.name}: ")


def _rater(rater: Json, names: Mapping[str, str]) -> str:
    if rater["kind"] == "judge":
        return names[rater["id"]]
    if rater["kind"] == "person":
        return str(rater["name"])
    return {"audit": "people", "override": "people who chose the pairs"}.get(
        rater.get("source", ""), str(rater["kind"])
    )
