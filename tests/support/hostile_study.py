"""A small real study whose concepts have names that would climb out of folders, mark up pages and paint terminals."""

from pathlib import Path

from engine.pipeline import run
from tests.support.hand_made import concept, write_pack
from tests.support.lensed_study import study_config

HOSTILE = ("../climb", "<script>alert(1)</script>", "\u202eexe.gnp", "[red]x[/red]", "'; drop table lenses; --")


def build_hostile_study(folder: Path, model: Path) -> Path:
    """Make the study and return it: all are siblings, with logistic lenses at two layers."""
    pack = write_pack(folder / "pack", {0: [concept("thing")], 1: [concept(name, "thing") for name in HOSTILE]})
    config = study_config(model, pack, concepts=HOSTILE, lenses=("logistic",), max_new_tokens=8)
    run(folder / "study", config, only=("select", "generate", "capture", "train"), quiet=True)
    return folder / "study"
