"""F1 by layer on the concept screen: single layers in order, joined ones apart, and nothing where there is one layer alone."""

from dataclasses import fields
from typing import Any

from app.charts import concept_layers
from app.data import Lens
from app.viewmodels.concept import layer_lines
from engine.figures.palette import LIGHT


def lens(family: str, layers: list[int], f1: float | None, *, phase: str = "output") -> Lens:
    facts: dict[str, Any] = {one.name: None for one in fields(Lens)}
    ends = {"f1_low": None if f1 is None else f1 - 0.1, "f1_high": None if f1 is None else f1 + 0.1}
    named = {"family": family, "layers": layers, "phase": phase, "f1": f1, "always_positive_f1": 0.66}
    return Lens(**facts | ends | named)


def test_layers_stand_in_order_with_joined_ones_last_and_apart() -> None:
    measured = [("lda", [12], 0.7), ("lda", [3, 12], 0.9), ("lda", [3], 0.8), ("<b>", [3], 0.5), ("<b>", [12], 0.6)]
    lines = layer_lines([lens(*one) for one in measured])
    assert [line.name for line in lines] == ["<b>", "lda"]
    assert [dot.layers for dot in lines[1].dots] == [(3,), (12,), (3, 12)]
    made = concept_layers(lines, colours=LIGHT)
    assert list(made.layout.xaxis.ticktext) == ["layer 3", "layer 12", "layers 3+12"]
    assert [trace.name for trace in made.data] == ["&lt;b&gt;", "lda"]
    assert list(made.data[1].y) == [0.8, 0.7, None, 0.9]
    assert [round(arm, 6) for arm in made.data[1].error_y.array] == [0.1, 0.1, 0.0, 0.1]


def test_a_family_with_an_f1_at_one_layer_alone_has_no_line() -> None:
    assert layer_lines([lens("lda", [3], 0.8), lens("lda", [5], None)]) == ()
    assert layer_lines([lens("lda", [3], 0.8), lens("lda", [5], 0.7, phase="prompt")]) == ()
