"""Activation quality for a terminal: how lenses move, how far the phases match, and outputs against activations."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.terminal import visible

Json = dict[str, Any]
LEGEND = (
    "within, transfer: AUC on held-out outputs of lenses trained on outputs, and of lenses trained on prompts; shuffled: of the "
    "latter with arms dealt anew. ratio: transfer over within; a lens that knows nothing has an AUC of 0.5. cosine: of an output "
    "with its own prompt minus that with others, each phase centred; p: that shuffled outputs match as well. same template: "
    "among prompts of one wording. CKA: debiased, descriptive. In brackets 95 % intervals over concepts. n: concepts for AUC, "
    "samples for cosines, prompts for CKA. –: unknown, --json has the reason, and all intervals."
)
CELLS_LEGEND = (
    "on, off: positives on whose activation the lens of outputs fires or not, out of fold; share: those that it fires on, of all "
    "positives. fires +, fires −: how often it fires on positives and on negatives of the same worth. Only what goes beyond the "
    "latter speaks for the concept."
)


_WORTHS = (("form", "good", "degenerate"), ("topic", "on topic", "off topic"))


def activation_tables(quality: Json, cells: Json, *, caution: str | None = None) -> Group:
    """The tables of one measuring; from 80 columns on nothing is cut."""
    heading = (
        f"Activations of outputs: {visible(quality['family'])} lenses, layer {quality['layer']}, run {quality['run']}\n"
    )
    blocks: list[RenderableType] = [
        Text(heading, style="italic"),
        _transfer(quality),
        Text(),
        _matches(quality),
        Text(),
        _cka(quality),
    ]
    blocks.append(Text(f"\n{LEGEND}\n", style="dim"))
    if cells["reason"]:
        blocks.append(Text(f"Outputs against activations: {visible(cells['reason'])}.", style="yellow"))
    else:
        blocks += [_cells(cells), _examples(cells["overall"]), Text(f"\n{CELLS_LEGEND}", style="dim")]
    return Group(*blocks, *([Text(caution, style="yellow")] if caution else []))


def _rows(quality: Json) -> Iterator[tuple[str, Json]]:
    """Overall and every quadrant, each with all, good and degenerate outputs."""
    for name, grain in {"all": quality["overall"], **quality["quadrants"]}.items():
        for outputs in ("all", "good", "degenerate"):
            if outputs in grain:
                yield name if outputs == "all" else f"{name} {outputs}", grain[outputs]


def _transfer(quality: Json) -> Table:
    table = _table("outputs", "n", "within", "transfer", "shuffled", "ratio")
    for label, measures in _rows(quality):
        if "auc_within" in measures:
            within, transfer, ratio = (measures[name] for name in ("auc_within", "auc_transfer", "transfer_ratio"))
            shuffled = _number(measures["auc_shuffled"]["value"])
            n = str(within["n"])
            table.add_row(label, n, _with_interval(within), _with_interval(transfer), shuffled, _with_interval(ratio))
    return table


def _matches(quality: Json) -> Table:
    table = _table("outputs", "n", "cosine", "p", "same template", "p")
    for label, measures in _rows(quality):
        if "cosine" in measures:
            found = [measures[name] for name in ("cosine", "cosine_same_template")]
            cells = [text for one in found for text in (_with_interval(one), _p(one["p"]))]
            table.add_row(label, str(found[0]["n"]), *cells)
    return table


def _cka(quality: Json) -> Table:
    table = _table("outputs", "n", "CKA")
    for label, measures in _rows(quality):
        if "cka" in measures:
            table.add_row(label, str(measures["cka"]["n"]), _with_interval(measures["cka"]))
    return table


def _cells(cells: Json) -> Table:
    table = _table("output", "n", "on", "off", "share", "fires +", "fires −")
    for name, tables in {"all": cells["overall"], **cells["quadrants"]}.items():
        for worth, good, other in _WORTHS:
            for is_good, label in ((True, good), (False, other)):
                table.add_row(f"{name} {label}", *_cell_row(tables[worth], is_good))
    return table


def _examples(tables: Json) -> Text:
    """A few samples of every cell, each with its concept."""
    lines = [
        f"\n  {label}, {'on' if fires else 'off'}: {', '.join(visible(' '.join(one)) for one in own[is_good, fires])}"
        for worth, good, other in _WORTHS
        for own in [{(cell["is_good"], cell["is_on_concept"]): cell["examples"] for cell in tables[worth]["cells"]}]
        for is_good, label in ((True, good), (False, other))
        for fires in (True, False)
        if own[is_good, fires]
    ]
    return Text(f"\nExamples, concept and sample:{''.join(lines)}" if lines else "")


def _cell_row(table: Json, is_good: bool) -> list[str]:
    own = {cell["is_on_concept"]: cell for cell in table["cells"] if cell["is_good"] == is_good}
    rates = {one["arm"]: one for one in table["fires"] if one["is_good"] == is_good}
    counts = [f"{n:,}" for n in (own[True]["n"] + own[False]["n"], own[True]["n"], own[False]["n"])]
    return [*counts, *map(_with_interval, (own[True]["share"], rates["positive"], rates["negative"]))]


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, header_style="bold")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _with_interval(estimate: Mapping[str, Any]) -> str:
    if estimate["low"] is None:
        return _number(estimate["value"])
    return f"{_number(estimate['value'])} [{_number(estimate['low'])}, {_number(estimate['high'])}]"


def _p(value: float | None) -> str:
    return "" if value is None else "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    text = f"{value:.2f}".replace("-", "−")
    return text.replace("0.", ".", 1) if text.lstrip("−").startswith("0.") else text
