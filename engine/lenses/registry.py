"""The families of lenses that a study can name in its settings."""

from engine.lenses.interface import LensFamily
from engine.lenses.logistic import Logistic
from engine.lenses.mlp import MlpStudy

FAMILIES: dict[str, LensFamily] = {family.name: family for family in (Logistic(), MlpStudy())}
