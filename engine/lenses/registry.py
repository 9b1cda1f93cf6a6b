"""The families of lenses that a study can name in its settings."""

from dataclasses import fields, replace
from typing import Any

from engine.lenses.gram_mlp import GramMlp
from engine.lenses.interface import LensFamily
from engine.lenses.lda import Lda
from engine.lenses.logistic import Logistic
from engine.lenses.mlp import MlpStudy
from engine.lenses.ridge import Ridge

_ALL = (Logistic(), Ridge(), Lda(), GramMlp(), GramMlp(layer_norm=True), MlpStudy())
FAMILIES: dict[str, LensFamily] = {family.name: family for family in _ALL}


def on_machine(family: LensFamily, *, device: str, memory_mib: int) -> LensFamily:
    """Return the family working on that device within that memory, as far as it can choose."""
    machine: dict[str, Any] = {"device": device, "memory_mib": memory_mib}
    known = {field.name for field in fields(family)}  # type: ignore[arg-type]
    return replace(family, **{name: value for name, value in machine.items() if name in known})  # type: ignore[type-var]
