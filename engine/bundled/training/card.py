"""The model card: a template filled with what the measurement printed, so that no number in it is typed by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from string import Template

from engine.bundled.training.checkpoint import load_position, load_recipe
from engine.bundled.training.choice import LEAST_GOOD_FORM, WANTED_ON_TOPIC, Candidate
from engine.bundled.training.measure import Measurement

TEMPLATE = Path(__file__).with_name("card.md")
LICENCE = Path(__file__).with_name("wordnet-licence.txt")


def write_card(
    path: Path, *, chosen: Candidate, candidates: Sequence[Candidate], measurement: Measurement, work: Path
) -> None:
    """Fill the card's template; `work` holds the recipe and position of the training."""
    recipe, position = load_recipe(work), load_position(work)
    model = json.loads((chosen.folder / "config.json").read_text(encoding="utf-8"))
    values = {
        **_formatted(asdict(recipe)),
        **_formatted(asdict(measurement)),
        "rating_gap": f"{measurement.rating - measurement.rating_of_others:.2f}",
        "trained_tokens": f"{position.tokens:,}",
        "trained_minutes": f"{position.seconds / 60:.0f}",
        "chosen_tokens": f"{chosen.tokens:,}",
        "vocabulary": f"{model['vocab_size']:,}",
        "megabytes": f"{(chosen.folder / 'model.safetensors').stat().st_size / 1e6:.1f}",
        "licence": LICENCE.read_text(encoding="utf-8").strip(),
        "focus_rest": f"{1 - recipe.focus_pack - recipe.focus_around:.2f}",
        "wide_rest": f"{1 - recipe.wide_pack - recipe.wide_around:.2f}",
        "wanted_on_topic": f"{WANTED_ON_TOPIC:.2f}",
        "least_good_form": f"{LEAST_GOOD_FORM:.2f}",
        "candidates": "\n".join(_row(candidate, chosen) for candidate in candidates),
    }
    path.write_text(Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values), encoding="utf-8")


def _formatted(values: Mapping[str, float | tuple[float, ...]]) -> dict[str, str]:
    return {name: _number(value) for name, value in values.items()}


def _number(value: float | tuple[float, ...]) -> str:
    """Show counts with separators, shares and F1 with two digits, small settings as they are."""
    if isinstance(value, tuple):
        return " / ".join(map(_number, value))
    if isinstance(value, int) or value >= 10:
        return f"{value:,.0f}"
    return f"{value:.3g}" if 0 < value < 0.01 else f"{value:.2f}"


def _row(candidate: Candidate, chosen: Candidate) -> str:
    seen = candidate.measurement
    shares = (seen.empty, seen.short, seen.repetitive, seen.good, seen.on_topic, seen.repeated, seen.lens_f1)
    mark = " (shipped)" if candidate is chosen else ""
    return f"| {candidate.tokens:,}{mark} | " + " | ".join(f"{share:.2f}" for share in shares) + " |"
