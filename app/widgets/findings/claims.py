"""The claim ledger: what the report says of training data, each statement with its verdict on this study and what decided."""

from collections import Counter
from typing import Final

import streamlit as st

from app import state
from app.context import Context
from app.data.findings import load_claims
from app.widgets import later, markup, notices
from engine.exchange.claims import StudyClaims
from engine.stats.claim_evidence import Evidence
from engine.stats.claims import Claim, Verdict
from engine.words import count, integer, number, with_interval

_VERDICTS: Final[dict[Verdict, tuple[str, str]]] = {
    "holds": ("Holds", "good"),
    "does not hold": ("Does not hold", "override"),
    "cannot tell": ("Cannot tell", "plain"),
}


def section(here: Context, family: str | None) -> None:
    """Draw the section."""
    judge, rule, k = here.judge.judge_id if here.judge else None, here.form_rule, here.settings.k
    found = later.answer(
        here.folder,
        ("claims", here.run.run_id, judge, family, rule, k),
        lambda: load_claims(
            here.folder, here.run.run_id, judge, family=family, form_rule="study" if rule == "study" else "loop", k=k
        ),
        what="The claim ledger",
    )
    if found is None:
        return
    notices.heading("Does this study support what the report claims?", help_text=found.ledger.rule)
    lens = f"{found.lens['family']} lenses" + (" (F1 as others reported it)" if found.lens["is_reported"] else "")
    notices.note(
        f"{count(len(found.ledger.claims), 'statement')} on {count(found.n_concepts, 'concept')}, {lens}; "
        f"{integer(found.ledger.n_tested)} could be tested and were adjusted together by Holm's method."
    )
    tally = Counter(claim.verdict for claim in found.ledger.claims)
    only = state.some_of("verdict", tuple(_VERDICTS))
    state.bound(
        st.pills,
        "Verdict",
        name="verdict",
        value=only,
        options=list(_VERDICTS),
        selection_mode="multi",
        format_func=lambda one: f"{_VERDICTS[one][0]} {tally[one]}",
        label_visibility="collapsed",
    )
    shown = [claim for claim in found.ledger.claims if not only or claim.verdict in only]
    st.html("".join(card(claim) for claim in shown))
    _untestable(found)


def card(claim: Claim) -> str:
    """One statement with its verdict, the numbers it rests on, and what would settle it."""
    name, kind = _VERDICTS[claim.verdict]
    p = f"adjusted p {_p(claim.p_adjusted)}" if claim.p_adjusted is not None else "not tested"
    settle = (
        f'<p class="lg-note">To settle it: {markup.text(claim.settle)}.</p>'
        if claim.settle and claim.verdict == "cannot tell"
        else ""
    )
    rows = "".join(_evidence(one) for one in claim.evidence)
    return (
        f'<article class="lg-claim lg-claim-{kind}"><header>{markup.badge(name, kind=kind)}<h5>{markup.text(claim.words)}</h5>'
        f'<span class="lg-muted">{p}</span></header><p class="lg-note">{markup.text(claim.why[:1].upper() + claim.why[1:])}. '
        f"Stated in {markup.text(claim.stated_in)}.</p>"
        f'<table class="lg-table"><tbody>{rows}</tbody></table>{settle}</article>'
    )


def _evidence(one: Evidence) -> str:
    bar = f"must lie {one.side} {number(one.bar)}"
    unit = count(one.estimate.n, one.unit.removesuffix("s")) if one.estimate.value is not None else ""
    return (
        f"<tr><th>{markup.text(one.words)}</th><td>{markup.text(with_interval(one.estimate))}</td>"
        f"<td>{markup.text(bar)}</td><td>{markup.text(unit)}</td></tr>"
    )


def _p(value: float) -> str:
    return "under 0.001" if value < 0.001 else number(value, digits=3)


def _untestable(found: StudyClaims) -> None:
    with st.expander(f"Claims that no single study can decide ({len(found.ledger.untestable)})"):
        rows = "".join(
            f"<tr><th>{markup.text(one.words)}</th><td>{markup.text(one.reason)}</td><td>{markup.text(one.stated_in)}</td></tr>"
            for one in found.ledger.untestable
        )
        st.html(f'<table class="lg-table"><tbody>{rows}</tbody></table>')
