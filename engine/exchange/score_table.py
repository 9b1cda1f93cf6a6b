"""Scores of a lens pack for a terminal: a block a text, a line a concept, a column a layer or layers joined."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.stats.layers import layers_name
from engine.terminal import visible

Json = dict[str, Any]
EXCERPT = 160


def score_table(found: Json, *, n_strongest: int = 5) -> Group:
    """The concepts of highest probability of each text; a mark where the lens's own threshold is reached."""
    blocks: list[RenderableType] = []
    for number, text in enumerate(found["texts"], start=1):
        blocks.append(Text(f"{number}  {_excerpt(text['text'])}", style="bold"))
        blocks.append(
            _block(text["scores"], n_strongest) if text["scores"] else Text(f"not scored: {text['reason']}\n")
        )
    legend = (
        f"✓: the lens fires, its own threshold being reached. F1: measured out of fold, of the strongest lens; base: of always "
        f"saying yes. Model {visible(found['model'])}, {found['phase']} phase, {found['pool']} of its tokens, {found['mode']}. "
        "Probabilities of different lenses are not calibrated against each other."
    )
    return Group(*blocks, Text(legend, style="dim"))


def _block(scores: Sequence[Json], n_strongest: int) -> RenderableType:
    """A table of the strongest concepts; scores come strongest first."""
    layers = sorted({tuple(score["layers"]) for score in scores}, key=lambda read: (len(read), read))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, header_style="bold")
    table.add_column("")
    for name in (*map(layers_name, layers), "F1", "base"):
        table.add_column(name, justify="right", no_wrap=True, min_width=8)
    strongest = list(dict.fromkeys(score["concept"] for score in scores))[:n_strongest]
    for concept in strongest:
        own = [score for score in scores if score["concept"] == concept]
        by_layer = {tuple(score["layers"]): score for score in own}
        label = Text(visible(own[0]["label"] or concept), no_wrap=True, overflow="ellipsis")
        table.add_row(
            label, *(_cell(by_layer.get(layer)) for layer in layers), _f1(own[0]), _number(own[0], "always_positive_f1")
        )
    left = len({score["concept"] for score in scores}) - len(strongest)
    return Group(table, Text(f"{left:,} more concepts\n" if left else "", style="dim"))


def _cell(score: Json | None) -> str:
    return "–" if score is None else f"{score['probability']:.2f} {'✓' if score['fires'] else ' '}"


def _f1(score: Json) -> str:
    if score["f1"] is None or score["f1_low"] is None:
        return _number(score, "f1")
    return f"{score['f1']:.2f} [{score['f1_low']:.2f}, {score['f1_high']:.2f}]"


def _number(score: Json, name: str) -> str:
    return "–" if score[name] is None else f"{score[name]:.2f}"


def _excerpt(text: str) -> str:
    shown = visible(text.strip())
    return shown if len(shown) <= EXCERPT else f"{shown[:EXCERPT]} …"


def caution_lines(cautions: Iterable[str]) -> list[str]:
    """Cautions for stderr, each on a line of its own."""
    return [f"Caution: {visible(caution)}" for caution in cautions]
