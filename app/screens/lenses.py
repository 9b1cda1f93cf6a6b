"""Every lens of one setting beside what its data permit: suspects, headroom, graduation, calibration, and what was tried."""

from collections.abc import Mapping
from typing import Final, Literal, cast

import streamlit as st

from app import context, data, state, theme
from app.charts.before_after import before_after, before_after_table
from app.charts.layer_sweep import layer_sweep, layer_sweep_table
from app.charts.lens_ceiling import lens_ceiling, lens_ceiling_table
from app.charts.reliability import reliability, reliability_table
from app.context import Context
from app.data.lenses import load_comparisons, load_constant, load_graduation, load_lens_estimates, load_reliability
from app.viewmodels import comparisons, overview
from app.viewmodels.comparisons import MEASURES, UNITS, Found
from app.viewmodels.lenses import (
    ONLY,
    ORDERS,
    LensesView,
    Only,
    Order,
    answer,
    lens_points,
    lenses_view,
    one_each,
    pick,
    sweep,
)
from app.widgets import later, lens_table, markup, notices, plots, sidebar, since
from engine.stats.findings import Findings
from engine.stats.lens_results import explain_mean_excess
from engine.stats.quadrants import QUADRANTS
from engine.words import CEILING, CEILINGS, LENS, QUADRANT, UNKNOWN, count, integer

_HEIGHT: Final = 520
_SMALL: Final = 330
_ROWS: Final = 50
_SUSPECTS: Final = 60
_BESIDE_CHART: Final = 7
_NO_QUADRANT: Final = "none"


def show(here: Context) -> None:
    """Draw the lenses of the setting in the sidebar, or what is missing for it."""
    lenses = data.load_lenses(here.folder, here.run.run_id)
    setting = sidebar.lens_setting(lenses, here.run)
    if setting is None:
        _empty(here)
        return
    chosen = one_each(lenses, setting, here.run.mode)
    findings = here.find(here.counts())
    view = _view(here, chosen, findings)
    short, because = answer(view)
    st.html(
        '<h1 class="lg-title">Do the lenses measure what the data permit?</h1><p class="lg-answer">'
        f"<b>{short}:</b> {markup.text(because)} Lenses: {markup.text(overview.setting_name(setting))}.</p>"
    )
    lens_table.headline(view)
    since.strip(here, findings, page="lenses")
    results, ceilings = (lens.result for lens in chosen.values()), findings.overall.concept_ceilings
    if doubt := explain_mean_excess(results, ceilings, model=here.settings.model):
        notices.note(doubt)
    if here.judge is None:
        notices.note("There is no ceiling yet because nothing is rated.", command=f"lensgap judge {here.folder}")
    with st.container(key="charts"):
        wide, narrow = st.columns([1.75, 1], gap="medium")
        with wide:
            _scatter(here, view)
        with narrow:
            _suspects(view)
    _table(here, view)
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, key="panel-calibration", height="stretch"):
        _calibration(here, chosen)
    with right, st.container(border=True, key="panel-sweep", height="stretch"):
        _sweep(here, lenses, setting)
    with st.container(border=True, key="panel-compared"):
        _comparisons(here)


def _empty(here: Context) -> None:
    if here.run.n_samples == 0:
        sentence, command = "There is nothing to train on until the model has written texts.", "run"
    else:
        sentence, command = "Train the lenses of this run to see each beside its ceiling.", "train"
    notices.empty("No lenses yet", sentence, command=f"lensgap {command} {here.folder}", to=notices.TO_RUNS)


def _view(here: Context, chosen: Mapping[str, data.Lens], findings: Findings) -> LensesView:
    profiles = data.load_profiles(here.folder, here.run.run_id)
    ids = [lens.lens_id for lens in chosen.values()]
    points = lens_points(
        profiles,
        chosen,
        findings,
        estimates=load_lens_estimates(here.folder, here.run.run_id, ids),
        graduation=load_graduation(here.folder, here.run.run_id),
        names=here.names,
        constant=load_constant(here.folder, here.run.run_id, ids),
    )
    return lenses_view(points, chosen.values())


def _scatter(here: Context, view: LensesView) -> None:
    notices.heading(
        "F1 against ceiling",
        help_text=f"{CEILING} Each dot is a concept, coloured by quadrant. Ringed dots lie above the line by more "
        "than chance explains. Click a dot to open its concept.",
    )
    if all(point.headroom is None for point in view.points):
        notices.note("No concept has both a measured F1 and a ceiling.")
        return
    ceiling = CEILINGS[here.settings.model].lower()
    made = lens_ceiling(view.points, ceiling=ceiling, colours=theme.palette(), height=_HEIGHT)
    picked = plots.draw(
        made,
        key=plots.fresh("lens-ceiling"),
        name="lenses F1 against ceiling",
        table=lambda: lens_ceiling_table(view.points, ceiling=ceiling),
        on_select="rerun",
    )
    plots.open_concept("lens-ceiling", picked)
    for reason, n in view.unmeasured:
        notices.note(f"Without an F1: {count(n, 'concept')}: {reason}.")
    lens_table.constant(view)


def _suspects(view: LensesView) -> None:
    notices.heading(
        "Above the line",
        help_text="A lens above its ceiling relies on something that the labels do not explain, or it is there by "
        "chance. The number is the distance above.",
    )
    if not view.suspects:
        notices.note("No lens is above its ceiling.")
        return
    # A box of its own only where the list is longer than the chart beside it.
    height: int | Literal["content"] = _HEIGHT if len(view.suspects) > _BESIDE_CHART else "content"
    with st.container(height=height, border=False, key="suspects-box"):
        lens_table.suspects(view, at_most=_SUSPECTS)


def _table(here: Context, view: LensesView) -> None:
    notices.heading("Lenses", help_text=LENS)
    _bar()
    picked = pick(view.points, quadrants=_quadrants(), only=_only(), order=_order())
    n_pages = max(1, -(-len(picked) // _ROWS))
    number = int(state.given_number("page", default=1, low=1, high=n_pages))
    shown = picked[(number - 1) * _ROWS : number * _ROWS]
    first = (number - 1) * _ROWS + 1
    range_shown = f" · {integer(first)}–{integer(first + len(shown) - 1)}" if n_pages > 1 else ""
    st.html(f'<p class="lg-count"><b>{count(len(picked), "concept")}</b>{range_shown}</p>')
    if not picked:
        notices.empty("No lens passes these filters", "Remove a filter.")
        return
    with st.container(key="list", gap=None):
        lens_table.table(shown)
    if n_pages > 1:
        key = f"widget-page-{number}-{n_pages}"
        st.pagination(n_pages, default=number, key=key, max_visible_pages=7, on_change=_turn, args=(key,))
    if not any(point.graduation for point in view.points):
        notices.note(
            "No targets have been set. To add pairs to each concept until it reaches one:",
            command=f"lensgap escalate {here.folder}",
        )


def _turn(key: str) -> None:
    state.change(page=st.session_state[key])


def _order() -> Order:
    return cast(Order, state.one_of("order", list(ORDERS), default="headroom"))


def _only() -> list[Only]:
    return cast(list[Only], state.some_of("only", list(ONLY)))


def _quadrants() -> list[str | None]:
    chosen = state.some_of("quadrant", (*QUADRANTS, _NO_QUADRANT))
    return [None if one == _NO_QUADRANT else one for one in chosen]


def _bar() -> None:
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom", gap="small"):
        options = (*QUADRANTS, _NO_QUADRANT)
        state.bound(
            st.pills,
            "Quadrant",
            name="quadrant",
            value=state.some_of("quadrant", options),
            clears=("page",),
            options=list(options),
            selection_mode="multi",
            format_func=lambda one: UNKNOWN if one == _NO_QUADRANT else one,
            help=QUADRANT,
        )
        state.bound(
            st.pills,
            "Only",
            name="only",
            value=_only(),
            clears=("page",),
            options=list(ONLY),
            selection_mode="multi",
            format_func=ONLY.__getitem__,
        )
        state.bound(
            st.selectbox,
            "Order",
            name="order",
            value=_order(),
            default="headroom",
            clears=("page",),
            options=list(ORDERS),
            format_func=ORDERS.__getitem__,
            width=230,
        )


def _calibration(here: Context, chosen: Mapping[str, data.Lens]) -> None:
    notices.heading(
        "Are the probabilities calibrated?",
        help_text="Held-out pairs of all these lenses, in ten groups of similar probability. On the dashed line, a "
        "probability of 0.7 is right seven times in ten. Intervals are over lenses.",
    )
    folder, run_id = here.folder, here.run.run_id
    lens_ids = tuple(lens.lens_id for lens in chosen.values())
    found = later.answer(
        folder,
        ("reliability", run_id, lens_ids),
        lambda: load_reliability(folder, run_id, lens_ids),
        what="Calibration",
        of=("lenses", "pairs"),
    )
    if found is None:
        return
    if not found.bins:
        notices.note("These lenses have no stored scores.", command=f"lensgap train {here.folder}")
        return
    made = reliability(found.bins, colours=theme.palette(), height=_SMALL)
    plots.draw(made, key="reliability", name="lenses calibration", table=lambda: reliability_table(found.bins))
    lens_table.calibration(found)
    notices.note(f"{count(found.n_pairs, 'pair')} of {count(found.n_lenses, 'lens', 'lenses')}.")


def _sweep(here: Context, lenses: tuple[data.Lens, ...], setting: overview.LensSetting) -> None:
    notices.heading(
        "Layers",
        help_text="Mean F1 of this family at every layer, over concepts with an F1 at all layers. The filled dot is "
        "the layer on screen. The highest of several is partly luck, so do not choose a layer by this "
        "alone.",
    )
    layers = sweep(lenses, setting, here.run.mode)
    if not layers:
        notices.note("This family has F1s at only one layer.", command=f"lensgap train {here.folder} --layers 0,1,2")
        return
    made = layer_sweep(layers, colours=theme.palette(), height=_SMALL)
    plots.draw(made, key="sweep", name="lenses mean F1 by layer", table=lambda: layer_sweep_table(layers))
    notices.note(f"{count(layers[0].f1.n, 'concept')} with an F1 at each of {count(len(layers), 'layer')}.")


def _comparisons(here: Context) -> None:
    found = load_comparisons(here.folder, here.run.run_id)
    notices.heading(
        "Mitigations, before and after",
        help_text="Hollow dot: before. Filled dot: after, orange where it fell. The change is the mean "
        "over concepts measured on both sides, with its 95 % interval over concepts. If the interval reaches "
        "zero, the change may be chance.",
    )
    if found:
        _compared(here, found)
    for kind, command in comparisons.missing_kinds(found, here.folder, here.run.run_id):
        notices.note(f"{kind.title}: not tried on this run.", command=command)


def _compared(here: Context, found: tuple[Found, ...]) -> None:
    measures = comparisons.measures_in(found)
    measure = state.one_of("measure", measures, default=measures[0]) or measures[0]
    by_id = {one.comparison_id: results for one, results in found}
    rows = comparisons.comparison_rows(found, measure)
    state.bound(
        st.segmented_control,
        "Measure",
        name="measure",
        value=measure,
        default=measures[0],
        required=True,
        options=list(measures),
        format_func=lambda one: MEASURES[one][0],
        help=" ".join(f"{MEASURES[one][0]}: {MEASURES[one][1]}" for one in measures),
    )
    lens_table.comparisons(rows, theme.palette(), is_share=measure not in ("gap", "margin"))
    names = {row.comparison_id: f"{comparisons.KINDS[row.kind].title}: {row.name}" for row in rows}
    which = state.one_of("compared", list(names))
    state.bound(
        st.selectbox,
        "Concept by concept",
        name="compared",
        value=which,
        options=list(names),
        format_func=names.__getitem__,
        placeholder="Choose a comparison",
        width=420,
    )
    if which is not None:
        shown = comparisons.changes(by_id[which], measure, here.names)
        title = MEASURES[measure][0]
        measured = f"{title} ({UNITS[measure]})"
        key = f"before-after-{which}-{measure}"
        picked = plots.draw(
            before_after(shown, measure=measured, colours=theme.palette()),
            key=plots.fresh(key),
            name=f"lenses {title} before and after {names[which]}",
            table=lambda: before_after_table(shown, measure=measured),
            on_select="rerun",
        )
        plots.open_concept(key, picked)


show(context.current())
