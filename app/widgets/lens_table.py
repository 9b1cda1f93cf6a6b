"""Parts of the lenses screen as HTML of our own numbers and escaped names: its tiles, suspects, table and comparisons."""

from collections.abc import Callable, Sequence
from urllib.parse import urlencode

import streamlit as st

from app import state
from app.data.lenses import Graduation, Reliability
from app.viewmodels.comparisons import KINDS, Row
from app.viewmodels.lenses import LensesView, LensPoint, suspect_reason
from app.widgets import markup, notices
from engine import words
from engine.figures.palette import Palette
from engine.stats.estimate import Estimate
from engine.words import count, integer, interval, number, signed, with_interval

HEADROOM = "Ceiling minus measured F1. Below zero, the lens scores higher than the data permit."
GRADUATION = "A lens graduates when its held-out F1 reaches its target or a lower tier without overfitting."
ALARM = (
    "The alarm is raised when a lens clearly fires more often on degenerate texts than on good ones of "
    f"the same arm: it has learnt to detect degeneracy. {words.LENS_FORM}"
)
BRIER = "Mean squared error of the lens's probability. 0 is perfect; always answering ½ gives 0.25."
WORDS_ALONE = "F1 of a classifier that sees only the words of the text, no activations, on the same folds."
CONSTANT = (
    "Such a lens gives all texts that it is tested on the same probability, so its F1 is that of always firing or of never "
    "firing. This happens when the activations are the same for all texts."
)
_NAMED = 3
_STOPS = {
    "ceiling": "at its ceiling",
    "exhausted": "no pairs left",
    "budget": "texts used up",
    "more": "takes the next step",
}


def headline(view: LensesView) -> None:
    """The six numbers of the screen in one strip."""
    n, summary = len(view.measured), view.summary
    beside = (
        ("always-yes", summary.always_positive),
        ("shuffled", summary.shuffled),
        ("words-only", summary.text_only),
    )
    parts = [interval(summary.f1), *(f"{name} {number(each.value)}" for name, each in beside if each.value is not None)]
    suspects = view.suspects
    clear = sum(point.excess is not None for point in suspects)
    tiles = (
        _tile("Lenses measured", integer(n), f"of {count(len(view.points), 'concept')}", words.LENS),
        _tile("Mean F1", number(summary.f1.value), " · ".join(part for part in parts if part), words.LENS),
        _tile("Mean headroom", signed(view.headroom.value), _room(view.headroom), HEADROOM),
        _tile("Clearly above ceiling", integer(clear), _above(len(suspects) - clear), words.CEILING),
        _tile("Graduated", *_graduated(view), GRADUATION),
        _tile("Shortcut alarms", *_alarms(view), ALARM),
    )
    st.html(f'<div class="lg-headline lg-lenses">{"".join(tiles)}</div>')


def _tile(name: str, value: str, under: str, hint: str) -> str:
    title = markup.text(hint)
    return f'<div title="{title}"><span>{name}<i>?</i></span><b>{value}</b><small>{markup.text(under)}</small></div>'


def _room(headroom: Estimate) -> str:
    if headroom.value is None:
        return f"unknown: {headroom.reason}"
    shown = f"[{signed(headroom.low)}, {signed(headroom.high)}]" if headroom.has_interval else "no interval"
    return f"{shown} over {count(headroom.n, 'concept')}"


def _above(n: int) -> str:
    return f"{integer(n)} more within {'its' if n == 1 else 'their'} interval" if n else "none within its interval"


def _graduated(view: LensesView) -> tuple[str, str]:
    asked = [point for point in view.points if point.graduation is not None]
    if not asked:
        return words.UNKNOWN, "no target has been set yet"
    n = sum(n for _, n in view.graduated_at)
    tiers = " · ".join(f"{integer(each)} at {number(f1)}" for f1, each in view.graduated_at)
    return f"{integer(n)} of {integer(len(asked))}", tiers or "none has reached a target"


def _alarms(view: LensesView) -> tuple[str, str]:
    n_known = sum(point.has_rates for point in view.points)
    if not n_known:
        return words.UNKNOWN, "no degenerate texts to test on"
    n = sum(point.alarm is not None for point in view.points)
    return integer(n), f"of {count(n_known, 'lens', 'lenses')} tested on degenerate texts (study rule)"


def suspects(view: LensesView, *, at_most: int) -> None:
    """Lenses above their ceiling, each with the reason, those clearly above first."""
    shown = view.suspects[:at_most]
    items = "".join(_suspect(point) for point in shown)
    st.html(f'<ul class="lg-suspects">{items}</ul>')
    if len(shown) < len(view.suspects):
        notices.note(f"The {at_most} furthest above of {integer(len(view.suspects))}.")


def _suspect(point: LensPoint) -> str:
    kind = "lg-clear" if point.excess else ""
    numbers = f"{with_interval(point.f1)} against {with_interval(point.ceiling)}"
    return (
        f'<li class="{kind}" title="{markup.text(point.excess or "")}">'
        f"<header>{markup.letter(point.quadrant)}{concept_link(point)}<span>{signed(-(point.headroom or 0.0))}</span></header>"
        f"<p>F1 {numbers}, {count(point.f1.n, 'pair')}</p><p>{markup.text(suspect_reason(point))}</p></li>"
    )


def concept_link(point: LensPoint) -> str:
    """The concept's name as a link to its screen."""
    address = urlencode(state.link(concept=point.concept))
    hint = f' title="{markup.text(point.concept)}"' if point.name != point.concept else ""
    return (
        f'<a class="lg-link" href="concept?{markup.text(address)}" target="_self"{hint}>{markup.text(point.name)}</a>'
    )


def table(points: Sequence[LensPoint]) -> None:
    """A row a lens."""
    heads = (
        ("Concept", words.QUADRANT),
        ("Pairs", words.PAIR),
        ("F1", words.LENS),
        ("95 %", "95 % interval of the F1, over groups of pairs."),
        ("Ceiling", words.CEILING),
        ("95 %", "95 % interval of the ceiling."),
        ("Headroom", HEADROOM),
        ("Words", WORDS_ALONE),
        ("Brier", BRIER),
        ("Graduation", GRADUATION),
        ("Alarm", ALARM),
    )
    head = "".join(f'<th title="{markup.text(hint)}">{name}</th>' for name, hint in heads)
    body = "".join(_row(point) for point in points)
    st.html(
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table lg-numbers lg-lens-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(point: LensPoint) -> str:
    name = f'<th><div class="lg-named">{markup.letter(point.quadrant)}{concept_link(point)}</div></th>'
    graduation, alarm = _graduation(point.graduation), _alarm(point)
    if point.f1.value is None:
        why = markup.text(f"no F1: {point.f1.reason}")
        room = f'<td colspan="7" class="lg-words">{why}</td>'
        return f"<tr>{name}<td>{integer(point.f1.n)}</td>{room}<td>{graduation}</td><td>{alarm}</td></tr>"
    kind = "lg-down" if point.excess else ""
    room = f'<span class="{kind}" title="{markup.text(point.excess or "")}">{signed(point.headroom)}</span>'
    cells = (
        integer(point.f1.n),
        f"{_constant(point)}<b>{number(point.f1.value)}</b>",
        f"<small>{interval(point.f1) or 'none'}</small>",
        _value(point.ceiling),
        _bounds(point.ceiling),
        room,
        number(point.text_only),
        f'<span title="{markup.text(_told(point.brier))}">{number(point.brier.value)}</span>',
        graduation,
        alarm,
    )
    return f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _constant(point: LensPoint) -> str:
    return f"{markup.badge('constant', kind='form-empty', title=CONSTANT)} " if point.is_constant else ""


def constant(view: LensesView) -> None:
    """Say which lenses tell nothing apart, where there are any."""
    found = [point for point in view.points if point.is_constant]
    if found:
        named = ", ".join(point.name for point in found[:_NAMED])
        more = f" and {integer(len(found) - _NAMED)} more" if len(found) > _NAMED else ""
        notices.note(f"Constant: {count(len(found), 'lens', 'lenses')} ({named}{more}). {CONSTANT}")


def _value(estimate: Estimate) -> str:
    why = f' title="{markup.text(estimate.reason)}"' if estimate.reason else ""
    return f"<span{why}>{number(estimate.value)}</span>"


def _bounds(estimate: Estimate) -> str:
    if estimate.has_interval:
        return f"<small>{interval(estimate)}</small>"
    return f'<small title="{markup.text(estimate.why_no_interval or "")}">none</small>'


def _told(estimate: Estimate) -> str:
    return (
        f"{words.with_interval(estimate)}, {count(estimate.n, 'pair')}"
        if estimate.value is not None
        else f"{estimate.reason}"
    )


def _graduation(found: Graduation | None) -> str:
    if found is None:
        return f'<span class="lg-muted">{words.UNKNOWN}</span>'
    hint = f"Asked for {number(found.target)}, {count(found.n_pairs, 'pair')}: {found.why}."
    if found.reached is not None:
        return markup.badge(f"at {number(found.reached)}", kind="positive", title=hint)
    stopped = markup.badge(_STOPS.get(found.decision, found.decision), title=hint)
    why = f'<small class="lg-why-not">{markup.text(found.why)}</small>'
    return f'<div class="lg-stop" title="{markup.text(hint)}">{why}{stopped}</div>'


def _alarm(point: LensPoint) -> str:
    if point.alarm:
        return markup.badge("shortcut", kind="form-empty", title=point.alarm)
    known = "no alarm" if point.has_rates else "unknown: there were no degenerate texts to test on"
    return f'<span class="lg-muted" title="{known}">{"no" if point.has_rates else words.UNKNOWN}</span>'


def calibration(found: Reliability) -> None:
    """The Brier score and its parts below the reliability diagram."""
    parts = found.parts
    facts = (
        ("Brier score", parts.brier, BRIER),
        ("Miscalibration", parts.reliability, "The cost of wrong probabilities; 0 is best."),
        ("Resolution", parts.resolution, "The gain from telling pairs apart; higher is better."),
        ("Uncertainty", parts.uncertainty, "The score of always answering the share of positives."),
    )
    tiles = "".join(
        f'<div title="{markup.text(hint)}"><dt>{name}</dt><dd>{number(each.value, digits=3)} '
        f"<small>{_narrow(each)}</small></dd></div>"
        for name, each, hint in facts
    )
    st.html(f'<dl class="lg-tiles lg-brier">{tiles}</dl>')


def _narrow(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "no interval"
    return f"[{number(estimate.low, digits=3)}, {number(estimate.high, digits=3)}]"


def comparisons(rows: Sequence[Row], colours: Palette, *, is_share: bool) -> None:
    """Every comparison by one measure: before and after as dots, and the paired difference with its interval."""
    ends = [end for row in rows for end in (row.paired.before.value, row.paired.after.value) if end is not None]
    low, high = (0.0, 1.0) if is_share else (min([0.0, *ends]), max([1.0, *ends]))
    moved = [row.paired.difference for row in rows]
    reach = max([0.05, *(abs(e) for d in moved for e in (d.value, d.low, d.high) if e is not None)])
    reach = min(reach, 0.5) if is_share else reach
    head = markup.heads(
        (
            ("", ""),
            ("Before", "Mean over the concepts, or sibling groups, measured on both sides."),
            (_ends(low, high), "Hollow dot: before. Filled dot: after."),
            ("After", "Mean over the same concepts or groups."),
            ("Change", "Mean of after minus before, concept by concept."),
            ("95 %", "95 % interval of the change. If it reaches zero, the change may be chance."),
            (_ends(-reach, reach, signed), "The change with its 95 % interval."),
            ("n", "Concepts, or sibling groups, measured on both sides."),
            ("Rose", "How many of them rose."),
            ("Fell", "How many of them fell."),
        )
    )
    body = ""
    for kind in dict.fromkeys(row.kind for row in rows):
        told = KINDS[kind]
        body += f'<tr class="lg-kind"><th colspan="10" title="{markup.text(told.hint)}">{told.title}</th></tr>'
        body += "".join(_compared(row, colours, (low, high), reach) for row in rows if row.kind == kind)
    st.html(
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table lg-numbers lg-compared"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _ends(low: float, high: float, written: Callable[[float], str] = number) -> str:
    """The ends of a track, above it."""
    return f'<div class="lg-ends"><span>{written(low)}</span><span>{written(high)}</span></div>'


def _compared(row: Row, colours: Palette, ends: tuple[float, float], reach: float) -> str:
    paired = row.paired
    difference = paired.difference
    name = row.name if len(row.name) <= 46 else f"{row.name[:45]}…"
    notes = " · ".join((row.lens, *row.remarks))
    called = f'<b title="{markup.text(row.name)}">{markup.text(name)}</b><small>{markup.text(notes)}</small>'
    if difference.value is None:
        return f'<tr><th>{called}</th><td colspan="9" class="lg-words">no concept has a value on both sides</td></tr>'
    shown = f"[{signed(difference.low)}, {signed(difference.high)}]" if difference.has_interval else "none"
    bar = markup.interval_bar(difference, low=-reach, high=reach, colour=colours.accent)
    cells = (
        number(paired.before.value),
        _dumbbell(paired.before.value, paired.after.value, ends, colours),
        number(paired.after.value),
        f"<b>{signed(difference.value)}</b>",
        f"<small>{shown}</small>",
        bar,
        f"{integer(paired.n)} <small>{row.unit}{'' if paired.n == 1 else 's'}</small>",
        integer(paired.n_rose),
        integer(paired.n_fell),
    )
    return f"<tr><th>{called}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _dumbbell(before: float | None, after: float | None, ends: tuple[float, float], colours: Palette) -> str:
    if before is None or after is None:
        return ""
    low, high = ends
    old, new = (100 * (min(max(value, low), high) - low) / (high - low) for value in (before, after))
    colour = colours.warning if after < before else colours.accent
    return (
        f'<div class="lg-track"><u style="left:{min(old, new):.1f}%;width:{abs(new - old):.1f}%;background:{colour}"></u>'
        f'<em style="left:{old:.1f}%"></em><b style="left:{new:.1f}%;background:{colour}"></b></div>'
    )
