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
    "kappa": Column("kappa", "Cohen's, with quadratic weights"),
    "alpha": Column("alpha", "Krippendorff's, ordinal"),
    "spearman": Column("Spearman"),
    "within_one": Column("within 1", "Share of pairs at most one rating apart"),
    "bias": Column("bias", "Mean of first less second"),
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
        f"Of {count(len(claims), 'claim')} {holds} hold here, {fails} do not, and {open_} cannot be told; "
        f"{integer(found['n_tested'])} "
        f"could be tested and were adjusted together. Beneath each stands where the report that made it says so. {found['rule']}"
    )
    if found["lens"].get("is_reported"):
        intro = f"F1 here is as others reported it, not ours. {intro}"
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
        _p(claim["p_adjusted"], why="not testable: what it rests on is unknown"),
        words(claim["why"], note=settle),
    )


def _evidence(one: Json) -> str:
    bar = f", {one['side']} {number(one['bar'])} needed"
    if one["value"] is None:
        return f"{one['words']}: {UNKNOWN} ({one['reason']}){bar}"
    span = "no interval" if one["low"] is None else f"[{number(one['low'])}, {number(one['high'])}]"
    return f"{one['words']}: {number(one['value'])} {span}{bar}, n {integer(one['n'])} {one['unit']}"


def _untestable(remarks: Iterable[Json]) -> Table:
    columns = (Column("claim", align="words"), Column("why no study's data decide it", align="words"))
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
        return Section("correlations", title, (Paragraph("Correlations have not been worked out for this report."),))
    columns = (
        Column("predictor", align="words"),
        Column("Spearman", "Rank correlation with F1 over concepts; n counts concepts"),
        Column("Pearson", "Linear correlation with F1 over concepts"),
        Column("others constant", "Spearman with the other predictors held constant"),
        Column("pairs constant", "Spearman with the number of pairs held constant"),
        Column("p, adjusted", "Of Spearman, by Benjamini and Hochberg over predictors"),
    )
    rows = tuple(Row(_correlation_cells(one)) for one in found)
    says = tuple(Paragraph(one["says"], "note") for one in found)
    intro = Paragraph(
        "Each predictor beside the measured F1 over concepts. That two things go together does not say why."
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
            "Beside the audit: judges among themselves, and overrides, which are of pairs that somebody came across and tell "
            "only how such pairs are judged."
        )
        names = judge_names(compared["judges"])
        blocks += [Paragraph(text), *(_agreement_table(one, names) for one in rest)]
    return Section("agreement", "May the judge be trusted?", tuple(blocks))


def _audited(found: Json) -> Iterator[Block]:
    weighted = (
        " Pairs are weighted by 1/π, for they were drawn with different probabilities." if found["is_weighted"] else ""
    )
    yield Paragraph(
        "Audited pairs are drawn at random and rated blind, so that they speak for the run. Arms stand apart, for taken together "
        f"they look more alike than either.{weighted}"
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
    rule = "First: the one named first. 95 % intervals from resampling concepts, which n counts."
    return Table(f"{first} and {second}", columns, rows, rule=rule)


def _measure(found: Json, name: str, column: Column) -> Cell:
    return estimated(found[name], of=f"{column.name}: ")


def _rater(rater: Json, names: Mapping[str, str]) -> str:
    if rater["kind"] == "judge":
        return names[rater["id"]]
    if rater["kind"] == "person":
        return str(rater["name"])
    return {"audit": "people", "override": "people who came across pairs"}.get(
        rater.get("source", ""), str(rater["kind"])
    )
