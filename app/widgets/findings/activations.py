"""What activations hold: outputs against activations two by two, and the measures of transfer and match behind them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from app import state
from app.context import Context
from app.data.findings import load_activation_report
from app.viewmodels.overview import setting_name
from app.widgets import markup, notices, work
from engine.words import ARM, QUADRANT, RATINGS, UNKNOWN, count, integer, number, percent

Json = dict[str, Any]
_WHOLE: Final = "all"
_WORTHS: Final = {"form": "Form", "topic": "Topic"}
_WORTH_WORDS: Final = {"form": ("good form", "degenerate form"), "topic": ("on topic", "off topic")}
_CELLS: Final = (
    "Positives by text quality and by whether the output lens fires on their activation, out of fold. A lens can "
    "still learn from degenerate texts whose activation is on the concept."
)
_RATES: Final = (
    "A lens that has learnt to detect degenerate text also fires on degenerate negatives. Only a higher rate on "
    "positives than on negatives is evidence for the concept."
)
_P: Final = (
    "p is for these texts, and not adjusted for the number of rows: how often outputs dealt to prompts by chance match as well. "
    "The interval is for other concepts."
)
_MEASURES: Final = (
    ("Within", "auc_within", "AUC on held-out outputs of lenses trained on outputs."),
    ("Transfer", "auc_transfer", "AUC on held-out outputs of lenses trained on prompts."),
    ("Shuffled", "auc_shuffled", "The same with shuffled arms: what chance gives."),
    ("Ratio", "transfer_ratio", "Transfer over within."),
    ("Cosine", "cosine", f"Similarity of an output to its own prompt, minus that to other prompts. {_P}"),
    ("Same template", "cosine_same_template", f"The same among prompts with the same wording. {_P}"),
    ("CKA", "cka", "Debiased similarity of the two phases as a whole; descriptive only."),
)
_DEGENERATE: Final = ["empty", "short", "repetitive"]


def section(here: Context) -> None:
    """Draw the section, or offer the command that measures."""
    found = load_activation_report(
        here.folder,
        here.run.run_id,
        here.judge.judge_id if here.judge else None,
        form_rule="study" if here.form_rule == "study" else "loop",
        k=here.settings.k,
    )
    if found is None:
        work.offer(
            f"activations-{here.run.run_id}",
            ["activations", str(here.folder), "--run", here.run.run_id],
            missing="The activations of this run have not been measured yet. It takes a minute:",
            label="Measure activations",
        )
        return
    notices.heading("Is a bad text on the concept inside the model?", help_text=_CELLS)
    cells = found["outputs_against_activations"]
    if cells["reason"]:
        notices.note(f"Outputs against activations: {cells['reason']}.", command=f"lensgap train {here.folder}")
    else:
        _two_by_two(cells, setting_name((found["family"], (found["layer"],), "output")))
    notices.heading(
        "Do activations of outputs hold what their prompts were about?",
        help_text="AUC: 0.5 is chance, 1 is perfect. Brackets hold 95 % intervals over concepts.",
    )
    st.html(quality_table(found))
    when = found["measured_at"][:16].replace("T", " ")
    notices.note(
        f"{found['family']} lenses, layer {found['layer']}, {found['mode']}, forms by the {found['form_rule']} rule, "
        f"measured {when} UTC."
    )


def _two_by_two(cells: Json, lens: str) -> None:
    groups = {_WHOLE: cells["overall"], **cells["quadrants"]}
    group = state.one_of("cells", tuple(groups), default=_WHOLE) or _WHOLE
    worth = state.one_of("worth", tuple(_WORTHS), default="form") or "form"
    with st.container(horizontal=True, key="filters", gap="medium"):
        state.bound(
            st.segmented_control,
            "Quadrant",
            name="cells",
            value=group,
            default=_WHOLE,
            required=True,
            options=list(groups),
            format_func=lambda one: "All" if one == _WHOLE else one,
            help=QUADRANT,
        )
        state.bound(
            st.segmented_control,
            "A good text is",
            name="worth",
            value=worth,
            default="form",
            required=True,
            options=list(_WORTHS),
            format_func=lambda one: _WORTH_WORDS[one][0],
        )
    table = groups[group][worth]
    quadrant = None if group == _WHOLE else group
    for is_good in (True, False):
        left, right = st.columns(2, gap="small")
        for column, fires in ((left, True), (right, False)):
            cell = next(c for c in table["cells"] if (c["is_good"], c["is_on_concept"]) == (is_good, fires))
            with column:
                _cell(cell, worth, quadrant, n_all=table["n"], k=cells["k"], lens=lens)
    unrated = f", {integer(table['n_unrated'])} unrated ones left out" if table["n_unrated"] else ""
    notices.note(f"{count(table['n'], 'positive')}{unrated}. Click a cell to open its samples.")
    st.html(rates(table, worth))


def _cell(cell: Json, worth: str, quadrant: str | None, *, n_all: int, k: int, lens: str) -> None:
    good, other = _WORTH_WORDS[worth]
    text = good if cell["is_good"] else other
    fires = "activation on the concept" if cell["is_on_concept"] else "activation off the concept"
    name = f"{worth}-{cell['is_good']}-{cell['is_on_concept']}"
    mark = "lg-cell-key" if not cell["is_good"] and cell["is_on_concept"] else ""
    with st.container(key=f"card-cell-{name}"):
        st.html(
            f'<div class="lg-card lg-cell {mark}"><header>{text} · {fires}</header><div class="lg-gap">'
            f"<b>{percent(cell['share']['value'])}</b><span>{_percents(cell['share'])}</span></div>"
            f'<p class="lg-muted">{integer(cell["n"])} of all {count(n_all, "positive")}</p></div>'
        )
        if st.button(f"Samples: {text}, {fires}", key=f"open-cell-{name}", width="stretch"):
            wanted = samples_of(cell, worth, quadrant, k=k, lens=lens)
            st.switch_page("screens/samples.py", query_params=state.link(**wanted))


def samples_of(cell: Json, worth: str, quadrant: str | None, *, k: int, lens: str) -> dict[str, Any]:
    """The filter of the samples screen for a cell: its quadrant, positives, their worth, what this lens says of them."""
    wanted: dict[str, Any] = {"quadrant": quadrant, "arm": "positive"}
    if worth == "form":
        wanted["form"] = ["good"] if cell["is_good"] else _DEGENERATE
    else:
        wanted["rating"] = [str(rating) for rating in RATINGS if (rating > k) == cell["is_good"]]
    wanted |= {"fires": "on" if cell["is_on_concept"] else "off", "lens": lens}
    if cell["examples"]:
        wanted["open"] = ":".join(cell["examples"][0])
    return wanted


def rates(table: Json, worth: str) -> str:
    """How often lenses fire, by arm and worth of the text."""
    rows = ""
    for is_good, label in zip((True, False), _WORTH_WORDS[worth], strict=True):
        by_arm = {one["arm"]: one for one in table["fires"] if one["is_good"] == is_good}
        cells = "".join(f"<td>{_with_bounds(by_arm[arm])}</td>" for arm in ("positive", "negative"))
        rows += f"<tr><th>{label}</th>{cells}</tr>"
    head = markup.heads((("Lens fires on", _RATES), ("Positives", ARM), ("Negatives", ARM)))
    return f'<table class="lg-table lg-numbers"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def quality_table(found: Json) -> str:
    """Transfer and match of all, good and degenerate outputs, overall and by quadrant."""
    first = (
        "Outputs",
        "The texts: all, those in good form, or the empty, short and repetitive ones. n: concepts or texts.",
    )
    head = markup.heads((first, *((name, hint) for name, _, hint in _MEASURES)))
    body = "".join(
        f"<tr><th>{name}</th>{''.join(f'<td>{_measure(measures.get(key))}</td>' for _, key, _ in _MEASURES)}</tr>"
        for name, measures in _rows(found)
    )
    return (
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table lg-numbers"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _rows(found: Json) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for group, grain in {"": found["overall"], **found["quadrants"]}.items():
        for outputs in ("all", "good", "degenerate"):
            if outputs in grain:
                mark = f"{markup.letter(group)} " if group else ""
                yield f"{mark}{outputs}", grain[outputs]


def _measure(estimate: Json | None) -> str:
    if estimate is None:
        return UNKNOWN
    if estimate["value"] is None:
        return f'<span class="lg-muted" title="{markup.text(estimate["reason"])}">{UNKNOWN}</span>'
    n = f"n {integer(estimate['n'])}"
    if estimate.get("p") is None:
        return f"{number(estimate['value'])}<small>{_bounds(estimate)}, {n}</small>"
    return f"{number(estimate['value'])}<small>{_bounds(estimate)}</small><small>p {_p(estimate['p'])}, {n}</small>"


def _with_bounds(estimate: Json) -> str:
    if estimate["value"] is None:
        return f'<span class="lg-muted">{markup.text(estimate["reason"])}</span>'
    return f"{percent(estimate['value'])}<small>{_percents(estimate)} of {integer(estimate['n'])}</small>"


def _p(value: float) -> str:
    return "under 0.001" if value < 0.001 else number(value, digits=3)


def _percents(estimate: Mapping[str, Any]) -> str:
    if None in (estimate["low"], estimate["high"]):
        return "no interval"
    return f"[{percent(estimate['low'])}, {percent(estimate['high'])}]"


def _bounds(estimate: Mapping[str, Any]) -> str:
    ends: Sequence[float | None] = (estimate["low"], estimate["high"])
    return "no interval" if None in ends else f"[{number(ends[0])}, {number(ends[1])}]"
