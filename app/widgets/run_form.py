"""The form for another run: settings, then the plan with counts, time and cost, and only then the button that starts it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from app import data, state
from app.data import command
from app.viewmodels.runs import plan_facts, unfinished
from app.widgets import markup, notices, run_work
from engine.config import StudyConfig

_WORK: Final = "planning"
_PLAN: Final = "plan"
_FAULT: Final = "plan-fault"
_LOOK_S: Final = 0.5
FAMILIES: Final = ("lda", "logistic", "ridge", "mlp", "mlp-norm", "mlp-study")

Flags = tuple[str, ...]


def form(folder: Path, runs: Sequence[data.Run]) -> None:
    """Draw the form and, once it was asked for, the plan; settings begin as those of the study's latest run."""
    notices.heading(
        "Start a run",
        help_text="Settings not shown here are taken from the latest run. The same settings continue the same run.",
    )
    before = json.loads(StudyConfig().to_json()) | (json.loads(runs[0].config) if runs else {})
    with st.container(border=True, key="panel-new-run"):
        if runs and (left := unfinished(runs[0], data.load_stages(folder, runs[0].run_id))):
            notices.warning(
                f"The latest run is not finished: {left}. The form shows its settings: plan it unchanged to continue "
                "where it stopped. Nothing is written or paid for twice."
            )
        flags, lacking = _fields(before)
        _settle()
        if lacking:
            notices.note(f"To plan a run, fill in {' and '.join(lacking)}.")
            return
        failed_for, fault = st.session_state.get(_FAULT) or (None, None)
        if fault and failed_for == flags:
            notices.warning(fault)
        _plan_or_start(folder, flags, frozenset(run.run_id for run in runs))


def _fields(before: Mapping[str, Any]) -> tuple[Flags, list[str]]:
    """The form's fields; returns the options of the command that say the same, and the fields that are empty."""
    row = list(st.columns([2, 2, 1], vertical_alignment="bottom"))
    model = row[0].text_input("Model", before["model"], key="run-model", help=_help("model"))
    pack = row[1].text_input("Pack", before["pack"], key="run-pack", help=_help("pack"))
    quadrant = _count(row[2], "Concepts per quadrant", "per_quadrant", before, low=1, high=100_000)
    row = list(st.columns(5))
    positive = _count(row[0], "Positives each", "n_positive", before, low=1, high=10_000)
    negative = _count(row[1], "Negatives each", "n_negative", before, low=1, high=10_000)
    tokens = _count(row[2], "Tokens per text", "max_new_tokens", before, low=1, high=100_000)
    seed = _count(row[3], "Seed", "seed", before, low=0, high=2**31 - 1)
    budget = row[4].number_input(
        "Judge's budget, $", 0.0, 1e6, float(before["budget"] or 0), key="run-budget", help=_help("budget")
    )
    row = list(st.columns(2))
    judge = row[0].text_input("Judge", before["judge"], key="run-judge", help=_help("judge"))
    families = [name for name in before["lenses"] if name in FAMILIES]
    lenses = row[1].multiselect("Lenses", FAMILIES, families, key="run-lenses", help=_help("lenses"))
    asked = {"Model": model.strip(), "Pack": pack.strip(), "Judge": judge.strip(), "Lenses": lenses or not families}
    flags = (
        *(f"--model={model.strip()}", f"--pack={pack.strip()}", f"--per-quadrant={quadrant}"),
        *(f"--n-positive={positive}", f"--n-negative={negative}", f"--max-new-tokens={tokens}", f"--seed={seed}"),
        *(f"--judge={judge.strip()}", *([f"--budget={budget:.2f}"] if budget else [])),
        *(f"--lenses={family}" for family in lenses),
    )
    return flags, [label for label, given in asked.items() if not given]


def _help(name: str) -> str:
    return markup.markdown(StudyConfig.__dataclass_fields__[name].metadata["help"])


def _count(place: Any, label: str, name: str, before: Mapping[str, Any], *, low: int, high: int) -> int:
    value = min(max(int(before[name]), low), high)
    return int(place.number_input(label, low, high, value, key=f"run-{name}", help=_help(name)))


def _settle() -> None:
    """Take up the plan that a command which has ended has told."""
    asked = st.session_state.get(_WORK)
    result = command.ended(asked[1]) if asked else None
    if asked is None or result is None:
        return
    del st.session_state[_WORK]
    st.session_state[_FAULT] = (asked[0], result.fault)
    if result.fault is None:
        st.session_state[_PLAN] = (asked[0], json.loads(result.output))


def _plan_or_start(folder: Path, flags: Flags, begun: frozenset[str]) -> None:
    asked = st.session_state.get(_WORK)
    if asked is not None:
        st.fragment(_wait, run_every=_LOOK_S)(asked[1])
        return
    told_for, plan = st.session_state.get(_PLAN, (None, None))
    if told_for == flags and plan is not None:
        _offer(folder, flags, plan, begun)
        return
    notices.note(
        "The plan was for other settings."
        if plan
        else ("Nothing starts, and nothing is paid for, before you have seen the plan.")
    )
    if st.button("Plan", key="run-plan", icon=":material/calculate:"):
        st.session_state.pop(_PLAN, None)
        st.session_state[_FAULT] = None
        st.session_state[_WORK] = (flags, command.start(["plan", str(folder.resolve()), "--json", *flags]))
        st.rerun()


def _wait(started: command.Started) -> None:
    if started.process.poll() is not None:
        st.rerun()
    st.html(
        '<div class="lg-progress lg-wait"><span>Computing the plan</span>'
        f"<span>{started.seconds:.0f} s</span><div><i></i></div></div>"
    )


def _offer(folder: Path, flags: Flags, plan: Mapping[str, Any], begun: frozenset[str]) -> None:
    facts = "".join(f"<dt>{markup.text(term)}</dt><dd>{markup.text(said)}</dd>" for term, said in plan_facts(plan))
    st.html(f'<dl class="lg-facts lg-wide">{facts}</dl>')
    is_paid = plan["judging"]["cost"]["high_usd"] != 0
    if is_paid and not any(flag.startswith("--budget=") for flag in flags):
        notices.warning("This judge costs money. Set a budget above; judging never exceeds it.")
        return
    arguments = ("run", str(folder.resolve()), "--yes", *flags)
    # The key names the settings: a press on a button of others presses nothing here.
    label = "Continue the run" if plan["run_id"] in begun else "Start the run"
    if st.button(label, key=f"run-start-{hash(flags)}", type="primary", icon=":material/play_arrow:"):
        st.session_state.pop(_PLAN, None)
        run_work.begin(folder, arguments, run_id=plan["run_id"], by=state.reviewer())
