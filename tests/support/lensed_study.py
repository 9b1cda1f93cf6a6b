"""A small real study with trained lenses, whose concepts have names that no file can have."""

from pathlib import Path

from engine.config import StudyConfig
from engine.pipeline import run
from tests.support.hand_made import concept, write_pack

CONCEPTS = ("gin", "Gin", "St. Louis", "../up", "con")
PACK_LAYER = {"gin": 1, "Gin": 1, "St. Louis": 1, "../up": 2, "con": 2}
LAYERS = (0, 2)
FAMILIES = ("logistic", "mlp-study")


def build_lensed_study(folder: Path, model: Path) -> Path:
    """Make the study and return it; two families at two layers of the model for each concept."""
    pack = write_pack(
        folder / "pack",
        {
            0: [concept("thing"), concept("place")],
            1: [concept("gin", "thing"), concept("Gin", "thing"), concept("St. Louis", "thing")],
            2: [concept("../up", "gin"), concept("con", "gin"), concept("rum", "gin")],
        },
    )
    run(folder / "study", study_config(model, pack), only=("select", "generate", "capture", "train"), quiet=True)
    return folder / "study"


def study_config(model: Path, pack: Path, **changes: object) -> StudyConfig:
    settings = {
        "model": str(model),
        "pack": str(pack),
        "concepts": CONCEPTS,
        "picker": "list",
        "n_positive": 6,
        "n_negative": 6,
        "max_new_tokens": 16,
        "folds": 3,
        "layers": LAYERS,
        "lenses": FAMILIES,
    }
    return StudyConfig(**(settings | changes))  # type: ignore[arg-type]
