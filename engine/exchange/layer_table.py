"""A sweep over layers for a terminal: what each layer reaches, whether choosing pays, and which layer serves which concept."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.terminal import visible

Json = dict[str, Any]
LEGEND = (
    "\nF1 and AUC: means out of fold over concepts that every layer has, with 95 % intervals. over best: minus the best single "
    "layer, concept by concept; that layer is the best of several and a little flattered. best: concepts whose highest F1 a "
    "layer has, ties for each; sure: those for which both halves of the folds choose it. own, all: F1 with a layer chosen for "
    "the concept, and with one for all concepts, each on the half of the folds that did not choose it."
)


def layer_tables(found: Json) -> Group:
    """The sweep of each family; only names are ever shortened."""
    blocks: list[RenderableType] = []
    for family in found["families"]:
        blocks += [Text(f"Layers of {visible(family['family'])} lenses, run {found['run_id']}\n", style="italic")]
        blocks += [_layers(family), Text(_verdict(family)), Text(), _concepts(family)]
        blocks += [
            Text(f"Left out: {visible(c)} ({visible(why)})", style="dim") for c, why in family["left_out"].items()
        ]
    return Group(*blocks, Text(LEGEND, style="dim"))


def _layers(family: Json) -> Table:
    table = _table("", "F1", "95 %", "over best", "95 %", "AUC", "best", "sure")
    for one in family["layers"]:
        over = one["f1_over_best_single"]
        beside = ("best single", "") if one["is_best_single"] else (_signed(over["value"]), _interval(over, _signed))
        counts = ("" if one[key] is None else str(one[key]) for key in ("n_best", "n_chosen_by_both_halves"))
        f1, auc = one["f1"], one["auc"]
        table.add_row(one["reads"], _number(f1["value"]), _interval(f1), *beside, _number(auc["value"]), *counts)
    return table


def _verdict(family: Json) -> str:
    """Whether each way pays against one layer for all, in a sentence each."""
    if not family["gains"]:
        return "No concept could be compared."
    both = family["one_for_all"]
    shared = both[0] if both[0] == both[1] else f"{both[0]} or {both[1]}, as the halves choose,"
    return "\n".join(_gain(one, shared) for one in family["gains"])


def _gain(one: Json, shared: str) -> str:
    over, name = one["difference"], visible(one["variant"])
    much = _signed(over["value"]) if over["low"] is None else f"{_signed(over['value'])} {_interval(over, _signed)}"
    told = f"F1 {_number(one['before']['value'])} → {_number(one['after']['value'])}, {much} over {one['n']} concepts"
    if over["low"] is None:
        return f"{name.capitalize()} against {shared} for all: {told}; no interval, for the difference does not vary."
    verdict = "pays" if over["low"] > 0 else "costs" if over["high"] < 0 else "makes no difference that can be told"
    return f"{name.capitalize()} against {shared} for all {verdict}: {told}."


def _concepts(family: Json) -> Table:
    table = _table("concept", "best layer", "halves choose", "own", "all")
    for one in family["concepts"]:
        if one["best"] is None:
            continue
        best = "any" if len(one["best"]) == len([r for r in family["reads"] if "+" not in r]) else _numbers(one["best"])
        chosen = _numbers(one["chosen_by_halves"][:1] if one["is_agreed"] else one["chosen_by_halves"], " / ")
        name = Text(visible(one["concept"]), no_wrap=True, overflow="ellipsis")
        table.add_row(name, best, chosen, _number(one["f1_own_layer"]), _number(one["f1_one_for_all"]))
    return table


def _numbers(names: list[str], between: str = ", ") -> str:
    return between.join(name.removeprefix("layer ") for name in names)


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _interval(estimate: Json, written: Any = None) -> str:
    shown = written or _number
    return "–" if estimate["low"] is None else f"[{shown(estimate['low'])}, {shown(estimate['high'])}]"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}".replace("-", "−")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
