"""The rubric lab's trial: the price, the click that spends it, the work while it lasts, and what came of it."""

from collections.abc import Mapping

import streamlit as st

from app import charts, state, theme
from app.charts.trial import trial_table
from app.context import Context
from app.data import command
from app.data.rubric_lab import LabJudge, TriedPair
from app.viewmodels.rubric_lab import (
    Measure,
    Price,
    Trial,
    ask_label,
    change,
    describe_price,
)
from app.widgets import markup, notices, plots
from app.widgets.lab_pairs import rating
from app.widgets.lab_session import (
    LabSession,
    Setup,
    n_answered,
    session_of,
    start_asking,
    start_price,
    stop,
)
from engine.words import PAIR, UNKNOWN, count, signed, with_interval

_LIVE_S = 1.0
_SILENT_S = 15.0
"""How long a judge may take over its first answer before something is said of it."""
_ROWS_AT_ONCE = 30
_NOT_BEFORE = "Nothing is asked or spent until you have seen the price here and pressed the button beside it."


def ask(here: Context, setup: Setup, *, obstacle: str | None) -> None:
    """Price, then ask; `obstacle` says why neither is possible yet."""
    session = session_of(here)
    notices.heading("Try it")
    if session.work is not None:
        st.fragment(_live, run_every=_LIVE_S)(here)
        return
    if obstacle:
        notices.note(obstacle)
        return
    if fault := session.fault_of(setup):
        notices.warning(fault)
    price = session.price_of(setup)
    if price is None:
        _offer_price(here, session, setup)
    else:
        _offer_asking(here, setup, price)


def _offer_price(here: Context, session: LabSession, setup: Setup) -> None:
    notices.note("The price was for a different setup." if session.price else _NOT_BEFORE)
    if st.button("Price", key=f"lab-price-{setup.fingerprint}", icon=":material/sell:"):
        start_price(here, setup)
        st.rerun()


def _offer_asking(here: Context, setup: Setup, price: Price) -> None:
    assumed = f"Assumed: {'; '.join(price.assumed)}." if price.assumed and price.n_calls else ""
    st.html(
        f'<p class="lg-price">{markup.text(describe_price(price))}</p><p class="lg-note">{markup.text(assumed)}</p>'
    )
    # The key names the setup: a press on a button of another one presses nothing here.
    if st.button(ask_label(price, len(setup.pairs)), key=f"lab-ask-{setup.fingerprint}", type="primary"):
        start_asking(here, setup, price)
        st.rerun()


def _live(here: Context) -> None:
    """How far the command is; the script runs again when it has ended."""
    work = session_of(here).work
    if work is None or work.started.process.poll() is not None:
        st.rerun()
    seconds = f"{work.started.seconds:.0f} s"
    n, n_done = len(work.setup.pairs), 0
    if work.kind == "price":
        st.html(
            f'<div class="lg-progress lg-wait"><span>Working out the price</span><span>{seconds}</span><div><i></i></div></div>'
        )
    else:
        n_done = n_answered(here, work)
        st.html(
            f'<div class="lg-progress"><span>{markup.text(work.judge)} is asked</span>'
            f"<span>{n_done} of {n} answered · {seconds}</span>"
            f'<div><i style="width:{100 * n_done / max(1, n):.0f}%"></i></div></div>'
        )
    if said := command.noted(work.started):
        notices.warning(said)
    elif work.kind == "ask" and not n_done and work.started.seconds > _SILENT_S:
        notices.note("No answer yet. You may stop at any time; answers that come are kept.")
    if st.button("Stop", key="lab-stop", icon=":material/stop:", type="tertiary"):
        stop(here)
        st.rerun()


def result(here: Context, trial: Trial, old: LabJudge | None, new: LabJudge, *, is_current: bool) -> None:
    """What the trial says: agreement before and after, and every pair with its ratings."""
    notices.heading(f"What {new.setting} said under the new rubric", help_text=PAIR)
    notices.note(" ".join(_cautions(old, new, is_current=is_current)))
    left, right = st.columns([1, 1.25], gap="medium")
    with left, st.container(border=True, key="panel-agreement", height="stretch"):
        _agreement(here, trial)
    with right, st.container(border=True, key="panel-moved", height="stretch"):
        _picture(here, trial)
    notices.heading("Pair by pair, changed ones first", help_text="Click a pair to read and rate its text.")
    with st.container(key="list", gap=None):
        for i, pair in enumerate(trial.pairs):
            with st.container(key=f"row-tried-{i}-shut"):
                st.html(_row(pair, here.names))
                label = markup.markdown(f"Open {pair.sample_id} of {here.name(pair.concept)}")
                if st.button(label, key=f"pick-tried-{i}", width="stretch"):
                    _open(pair.concept, pair.sample_id)


def _cautions(old: LabJudge | None, new: LabJudge, *, is_current: bool) -> list[str]:
    said = [f"Rubric {new.rubric}, {new.rubric_hash[:6]}."]
    if not is_current:
        said = [f"{said[0]} The texts or the judge above have changed since."]
    if old is None:
        said.append("No judge is on screen, so there are no old ratings.")
    elif old.setting != new.setting:
        said.append(f"The old ratings are by {old.setting}, so the judge differs, not only the rubric.")
    elif old.base_url != new.base_url:
        said.append("The old ratings are by the same model at another address.")
    elif old.judge_id == new.judge_id:
        said.append("This is the judge on screen, so old and new are the same.")
    return said


def _agreement(here: Context, trial: Trial) -> None:
    notices.heading(
        "Agreement with people",
        help_text="Over the pairs rated by people and by both judges, with 95 % intervals.",
    )
    n_rated = count(trial.n_people, "pair")
    concepts = f" of {count(trial.n_concepts, 'concept')}" if trial.n_concepts else ""
    few = "; with few concepts, intervals are rough" if trial.weak and trial.n_people else ""
    notices.note(f"{n_rated}{concepts} rated by people{few}.")
    if trial.n_people:
        rows = "".join(_measure(measure) for measure in trial.measures)
        names = (
            ("", ""),
            ("Old", "Under the rubric of the judge on screen."),
            ("New", "Under the new rubric."),
            ("", ""),
        )
        head = f"<tr>{markup.heads(names)}</tr>"
        st.html(f'<table class="lg-table lg-agree"><thead>{head}</thead><tbody>{rows}</tbody></table>')
    if trial.n_overrides:
        notices.note(
            f"{count(trial.n_overrides, 'rating')} by override: people chose these pairs, so they are not a fair "
            "sample."
        )
    if trial.n_needed and trial.to_rate:
        notices.note(f"Kappa needs {trial.n_needed} more of these pairs rated by people.")
        if st.button("Rate the next one", key="lab-rate", icon=":material/edit_note:"):
            _open(*trial.to_rate)


def _measure(measure: Measure) -> str:
    kind = "lg-delta lg-down" if measure.is_worse else "lg-delta"
    chip = f'<span class="{kind}">{markup.text(measure.change)}</span>' if measure.change else ""
    if measure.before == measure.after == UNKNOWN and measure.before_under == measure.after_under:
        unknown = f'<td colspan="3"><small>{markup.text(measure.after_under)}</small></td>'
        return f'<tr><th title="{markup.text(measure.hint)}">{measure.name}</th>{unknown}</tr>'
    return (
        f'<tr><th title="{markup.text(measure.hint)}">{measure.name}</th>'
        f"<td>{measure.before}<small>{markup.text(measure.before_under)}</small></td>"
        f"<td><b>{measure.after}</b><small>{markup.text(measure.after_under)}</small></td><td>{chip}</td></tr>"
    )


def _picture(here: Context, trial: Trial) -> None:
    notices.heading("Old and new rating", help_text="Click a dot to open its pair.")
    unscored = f", {count(trial.n_unscored, 'pair')} unscored" if trial.n_unscored else ""
    moved = trial.moved if trial.moved.value is not None else None
    mean = f" Mean change {with_interval(moved)} over {count(trial.n_scored, 'pair')}." if moved else ""
    notices.note(f"{trial.n_changed} of {len(trial.pairs)} changed{unscored}.{mean}")
    with st.container(height="content" if len(trial.pairs) <= _ROWS_AT_ONCE else 640, border=False):
        made = charts.trial_plot(trial.pairs, names=here.names, colours=theme.palette())
        picked = plots.draw(
            made,
            key=plots.fresh("lab-plot"),
            name="rubric lab old and new rating",
            table=lambda: trial_table(trial.pairs, names=here.names),
            on_select="rerun",
        )
    if named := plots.follow("lab-plot", picked):
        _open(*named)


def _row(pair: TriedPair, names: Mapping[str, str]) -> str:
    called = markup.named(names.get(pair.concept, pair.concept), pair.concept)
    moved = change(pair)
    chip = ""
    if moved:
        kind = "lg-delta lg-down" if moved < 0 else "lg-delta"
        chip = f'<span class="{kind}">{signed(moved, digits=0 if moved == round(moved) else 1)}</span>'
    kind_of = f" · {pair.negative_kind}" if pair.negative_kind else ""
    said = (
        f'<span class="lg-said">{rating(pair.old_rating)} → <b>{rating(pair.new_rating)}</b> {chip}</span>'
        f'<span class="lg-said lg-people">people {rating(pair.people_rating)}</span>'
    )
    because = pair.explanation or (f"unscored: {pair.unscored_reason}" if pair.unscored_reason else "")
    excerpt = " ".join(pair.excerpt.split())
    return (
        f'<div class="lg-row lg-tried"><header>{markup.letter(pair.quadrant)}{called}'
        f"{markup.badge(pair.arm + kind_of, kind=pair.arm)}<span></span>{said}</header>"
        f'<p class="lg-because">{markup.text(because)}</p><p>{markup.text(excerpt)}</p></div>'
    )


def _open(concept: str, sample_id: str) -> None:
    st.switch_page("screens/samples.py", query_params=state.link(open=f"{concept}:{sample_id}"))
