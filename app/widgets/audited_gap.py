"""The gap that an audit finds, beside the one that the judge's and people's ratings show on every screen."""

from typing import Final

import streamlit as st

from app.context import Context
from app.data.judges import load_audit_estimate
from app.viewmodels.audited_gap import audited_gap, beside_shown
from app.widgets import later, markup, notices
from engine.stats.audit import WEAK_BELOW_AUDITED
from engine.stats.estimate import Estimate
from engine.words import count, interval, number

_HELP: Final = (
    "An estimate of the gap that people would find if they rated every pair of this run: the judge's ratings, put right by "
    "pairs that were drawn at random and rated blind. It is for these samples, not for other concepts."
)
_WEAK: Final = f"Fewer than {WEAK_BELOW_AUDITED} audited pairs in an arm: the interval may be too narrow."
_HEADS: Final = (
    ("Gap by", "Mean rating of the positives minus mean rating of the negatives."),
    ("Gap", "On the 1–5 scale."),
    ("95 %", "The audit's interval is for these samples, the other one is over concepts, where there are several."),
    ("n", "What it rests on."),
)


def block(here: Context) -> None:
    """Draw both gaps, and whether the audit's contradicts the shown one."""
    folder, run_id, judge_id = here.folder, here.run.run_id, here.judge_id
    found = later.answer(
        folder,
        ("audit estimate", run_id, judge_id),
        lambda: load_audit_estimate(folder, run_id, judge_id),
        what="The audited gap",
    )
    if found is None:
        return
    overall = here.find(here.counts()).overall
    audited, shown = audited_gap(found), overall.best_gap
    notices.heading("What the audit says of the gap", help_text=_HELP)
    if audited.value is not None:
        weak = markup.badge("few", title=_WEAK) if found["overall"]["weak"] else ""
        n_pairs = overall.positive.histogram.n + overall.negative.histogram.n
        rows = _row(f"the audit, for these samples {weak}", audited, count(found["n_rated"], "audited pair")) + _row(
            "the judge, with people's ratings in place of its own, as on other screens",
            shown,
            count(n_pairs, "rated pair"),
        )
        st.html(
            f'<table class="lg-table lg-numbers"><thead><tr>{markup.heads(_HEADS)}</tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )
    notices.note(beside_shown(audited, shown))


def _row(name: str, gap: Estimate, n: str) -> str:
    bounds = interval(gap) or f'<span title="{markup.text(gap.why_no_interval or "")}">none</span>'
    return f"<tr><th>{name}</th><td><b>{number(gap.value)}</b></td><td>{bounds}</td><td>{n}</td></tr>"
