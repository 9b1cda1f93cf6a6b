"""The claim ledger for a terminal: verdict, claim and numbers, each line within eighty columns."""

from collections.abc import Iterable
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from engine.exchange.claims import StudyClaims
from engine.stats.claim_evidence import Evidence
from engine.stats.claims import Claim, Ledger, Verdict
from engine.terminal import counted, visible

_STYLES: dict[Verdict, str] = {"holds": "bold green", "does not hold": "bold red", "cannot tell": "bold yellow"}
_INDENT: Final = (0, 0, 0, 6)


def claims_table(found: StudyClaims) -> Group:
    """Every claim under its verdict, with the numbers that decided and what would settle what is open."""
    ledger = found.ledger
    blocks: list[RenderableType] = [_head(found)]
    for verdict in _STYLES:
        chosen = [claim for claim in ledger.claims if claim.verdict == verdict]
        if chosen:
            blocks.append(Text(f"\n{verdict.capitalize()} ({len(chosen)})", style=_STYLES[verdict]))
            blocks += [block for claim in chosen for block in _claim(claim)]
    return Group(*blocks, *_untestable(ledger), Text(f"\n{ledger.rule}", style="dim"))


def _head(found: StudyClaims) -> Text:
    judge, lens = found.judge, found.lens
    name = f"{judge['backend']} ({judge['model']})" if judge else "none yet"
    caution = ", a baseline, no language model" if judge and judge["is_baseline"] else ""
    lenses = (
        "F1 as others reported it, not measured by Lensgap"
        if lens["is_reported"]
        else "No lens has been trained"
        if lens["layer"] is None
        else f"Lenses: {visible(lens['family'])}, layer {lens['layer']}"
    )
    ledger = found.ledger
    text = Text(f"Claims of the report, on run {visible(found.run)}\n", style="italic")
    text.append(
        f"{counted(found.n_concepts, 'concept')}. {ledger.n_tested} of {len(ledger.claims)} statements could be tested and were "
        f"adjusted together. Judge: {visible(name)}{caution}. {lenses}.",
        style="dim",
    )
    return text


def _claim(claim: Claim) -> Iterable[RenderableType]:
    yield Text.assemble(f"  {claim.words}  ", (f"[{claim.stated_in}]", "dim"))
    lines = [evidence_line(one) for one in claim.evidence]
    yield Padding(Text("\n".join(lines)), _INDENT, expand=False)
    told = [] if claim.p_adjusted is None else [f"adjusted p {p_words(claim.p_adjusted)}"]
    if claim.verdict == "cannot tell":
        # What is unknown is told with the number that lacks.
        told += [] if any(one.why_open for one in claim.evidence) else [claim.why]
        told.append(f"to settle it: {claim.settle}")
    yield Padding(Text("; ".join(told), style="dim"), _INDENT, expand=False)


def evidence_line(evidence: Evidence) -> str:
    """An estimate with its interval, its bar and its n, in one line."""
    estimate = evidence.estimate
    sign = ">" if evidence.side == "above" else "<"
    if estimate.value is None:
        return f"{evidence.words}: unknown, {estimate.reason}"
    interval = (
        f"without interval ({evidence.why_open})"
        if estimate.low is None
        else f"[{_number(estimate.low)}, {_number(estimate.high or 0.0)}]"
    )
    unit = evidence.unit if estimate.n != 1 else evidence.unit.removesuffix("s")
    return (
        f"{evidence.words}: {_number(estimate.value)} {interval}, must be {sign} {_number(evidence.bar)}; "
        f"{estimate.n:,} {unit}"
    )


def p_words(p: float) -> str:
    """A p as it is written: three decimals, and nothing finer."""
    return "under 0.001" if p < 0.001 else "1" if p >= 0.9995 else f"{p:.3f}"


def _untestable(ledger: Ledger) -> Iterable[RenderableType]:
    if ledger.untestable:
        yield Text("\nSaid by the report, and nothing that one study can decide", style="bold")
    for remark in ledger.untestable:
        yield Text(f"  {remark.words}  [{remark.stated_in}]")
        yield Padding(Text(remark.reason, style="dim"), _INDENT, expand=False)


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")
