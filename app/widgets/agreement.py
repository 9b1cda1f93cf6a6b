"""Agreement as tables of our own numbers and escaped names: arms of comparisons, judges' work, spreads and unscored reasons."""

from collections.abc import Mapping, Sequence
from typing import Final

from app.data.judges import Spread, Unscored, Work
from app.viewmodels.agreement import MEASURES, POOLED, Compared, Measured
from app.widgets import markup
from engine.stats.estimate import Estimate
from engine.words import ARM, UNKNOWN, dollars, integer, interval, number, percent, signed

INFLATED: Final = "Inflated: the difference between the arms looks like agreement."
_SHARES = ("exact", "within_one")
_JUDGE: Final = ("Judge", "Where the judge runs, and its model.")
_ARM: Final = ("Arm", ARM)
_RATERS: Final = (
    ("Raters, first – second", "The two raters compared. A judge's rating is the mean of its votes."),
    ("Pairs", "Pairs that both rated."),
    ("Concepts", "Concepts that these pairs are about. The intervals are over concepts."),
)
_WORK: Final = (
    _JUDGE,
    ("Question", "Topic: what is the text about? Relevance: how far is it about its concept, from 1 to 5?"),
    ("Votes", "Answers requested. A judge may be asked several times about one pair."),
    ("Unscored", "Votes without a readable rating, and their share."),
    ("Tokens in", "Tokens sent to the judge."),
    ("Tokens out", "Tokens in the judge's answers."),
    ("Cached", "Input tokens served from the provider's cache at a lower price."),
    ("Cost", "US dollars, at the prices of that day."),
    ("First", "Time of the first answer, UTC."),
    ("Last", "Time of the last answer, UTC."),
)
_SEVERAL: Final = (_JUDGE, _ARM, ("Pairs", "Pairs with two or more votes."))
_APART: Final = ("0 apart", "1", "2", "3", "4 apart")
_UNSCORED: Final = (
    _JUDGE,
    _ARM,
    ("Votes", "Votes without a rating for this reason."),
    ("Reason", "What the judge did in place of a rating."),
)
_WEAK = "Few concepts, which hardly show how unlike concepts are."


def table(found: Sequence[Compared]) -> str:
    """A row an arm of each comparison, every measure with its interval."""
    head = markup.heads((*_RATERS, *MEASURES.values()))
    body = "".join(_rows(one) for one in found)
    return (
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table lg-numbers"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _rows(one: Compared) -> str:
    rows = f'<tr class="lg-raters"><th colspan="{3 + len(MEASURES)}">{markup.text(one.name)}</th></tr>'
    for arm, measured in one.arms.items():
        label = arm if arm == POOLED else f"{arm}s"
        hint = INFLATED if arm == POOLED else ""
        kind = ' class="lg-before"' if arm == POOLED else ""
        cells = "".join(f"<td>{_cell(name, measured)}</td>" for name in MEASURES)
        weak = f'<small title="{_WEAK}">few: rough</small>' if measured.weak and measured.n else ""
        rows += (
            f'<tr{kind}><td title="{hint}">{label}</td><td>{integer(measured.n)}</td>'
            f"<td>{integer(measured.n_concepts)}{weak}</td>{cells}</tr>"
        )
    return rows


def _cell(name: str, measured: Measured) -> str:
    estimate = measured.measures[name]
    if estimate.value is None:
        return f'<span class="lg-muted" title="{markup.text(estimate.reason or "")}">{UNKNOWN}</span>'
    if name in _SHARES:
        return f"{percent(estimate.value)}<small>{_percents(estimate)}</small>"
    value = signed(estimate.value) if name == "bias" else number(estimate.value)
    why = markup.text(estimate.method.partition("; ")[2])
    return f"{value}<small title='{why}'>{interval(estimate) or 'no interval'}</small>"


def _percents(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "no interval"
    return f"[{percent(estimate.low)}, {percent(estimate.high)}]"


def work(rows: Sequence[Work], labels: Mapping[str, str]) -> str:
    """What every judge was asked: votes, how many failed, tokens, cost and times."""
    body = "".join(_work(row, labels) for row in rows)
    head = markup.heads(_WORK)
    return (
        f'<div class="lg-scroll" tabindex="0"><table class="lg-table lg-numbers"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _work(row: Work, labels: Mapping[str, str]) -> str:
    unpriced = f"<small>{integer(row.n_unpriced)} without a price</small>" if row.n_unpriced else ""
    cells = (
        row.question,
        integer(row.n_votes),
        f"{integer(row.n_unscored)}<small>{percent(row.n_unscored / row.n_votes)}</small>",
        integer(row.n_input_tokens),
        integer(row.n_output_tokens),
        integer(row.n_cached_tokens),
        dollars(row.cost_usd) + unpriced,
        f"{row.first_at:%d %b %H:%M}",
        f"{row.last_at:%d %b %H:%M}",
    )
    name = markup.text(labels.get(row.judge_id, row.judge_id))
    return f"<tr><th>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def spreads(rows: Sequence[Spread], labels: Mapping[str, str]) -> str:
    """How many pairs have votes so far apart, by judge and arm, as shares of the pairs with several votes."""
    by_arm: dict[tuple[str, str], dict[int, int]] = {}
    for row in rows:
        by_arm.setdefault((row.judge_id, row.arm), {})[row.spread] = row.n
    body = ""
    for (judge, arm), counts in by_arm.items():
        n = sum(counts.values())
        cells = "".join(
            f"<td>{percent(counts.get(spread, 0) / n)}<small>{integer(counts.get(spread, 0))}</small></td>"
            for spread in range(5)
        )
        body += f"<tr><th>{markup.text(labels.get(judge, judge))}</th><td>{arm}s</td><td>{integer(n)}</td>{cells}</tr>"
    apart = ((name, f"Pairs whose highest and lowest vote are {n} apart.") for n, name in enumerate(_APART))
    head = markup.heads((*_SEVERAL, *apart))
    return f'<table class="lg-table lg-numbers"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def unscored(rows: Sequence[Unscored], labels: Mapping[str, str]) -> str:
    """Why votes have no rating, most frequent first."""
    body = "".join(
        f"<tr><th>{markup.text(labels.get(row.judge_id, row.judge_id))}</th><td>{row.arm}s</td><td>{integer(row.n)}</td>"
        f'<td class="lg-words">{markup.text(row.reason)}</td></tr>'
        for row in rows
    )
    return (
        f'<table class="lg-table lg-numbers"><thead><tr>{markup.heads(_UNSCORED)}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )
