"""Layers by number, from the end, or by depth: 5, -1, 0.5.

A whole number counts from 0 (the output of the first block), a negative one from the end; a number with a point is a share of
the depth, 1.0 being the last layer.
"""

from collections.abc import Sequence

from engine.errors import ConfigError
from engine.subject.load import Subject

Layer = int | float


def choose_layers(subject: Subject, layers: Sequence[Layer] | None) -> tuple[int, ...]:
    """The layers asked for, or three spread over the model with the last; ConfigError for one that it lacks."""
    if layers is None:
        n = subject.n_layers
        return tuple(sorted({max(0, n // 3 - 1), max(0, 2 * n // 3 - 1), n - 1}))
    return resolve_layers(layers, n_layers=subject.n_layers, model=subject.name)


def resolve_layers(layers: Sequence[Layer], *, n_layers: int, model: str) -> tuple[int, ...]:
    """Layers as numbers from 0, sorted, each once."""
    return tuple(sorted({_resolve(layer, n_layers, model) for layer in layers}))


def _resolve(layer: Layer, n_layers: int, model: str) -> int:
    if isinstance(layer, float):
        if not 0 <= layer <= 1:
            raise ConfigError(
                f"Layer {layer:g} is no share of the depth: a number with a point lies between 0.0 and 1.0."
            )
        return max(0, round(layer * n_layers) - 1)
    if not -n_layers <= layer < n_layers:
        raise ConfigError(
            f"Layer {layer} does not exist: {model} has layers 0 to {n_layers - 1}, or -{n_layers} to -1 from the end."
        )
    return layer % n_layers
