"""Artifacts of a study as its report's tables have them: the counts are the published ones, the texts are our own."""

import csv
import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]
CONCEPTS = {
    "A": {"BayesianRiskReasoning": 0.750, "MedicalClinic": 4 / 7, "AerobicExerciseDevice": 2 / 3},
    "B": {"EndTimesNarrative": 2 / 3, "Vodka": 0.0, "PyridostigmineBromide": 2 / 7},
    "C": {"ChestOrCabinet": 0.0, "SportsGround": 1 / 3, "SwitchDevice": 2 / 3},
    "D": {"LegislativeChamber": 0.0, "Demonstrating": 0.0, "StringInstrument": 0.750},
}
FORMS = {  # empty, short, repetitive, good of 30 texts, and the sum of their ratings
    "A": {"positive": ((4, 0, 2, 24), 85), "negative": ((1, 0, 4, 25), 42)},
    "B": {"positive": ((6, 1, 3, 20), 77), "negative": ((0, 0, 3, 27), 38)},
    "C": {"positive": ((12, 3, 2, 13), 59), "negative": ((0, 0, 2, 28), 38)},
    "D": {"positive": ((5, 0, 3, 22), 84), "negative": ((3, 0, 0, 27), 39)},
}
FORM_TABLE = """\
| A positive | 13% | 0% | 7% | 80% |
| A negative | 3% | 0% | 13% | 83% |
| B positive | 20% | 3% | 10% | 67% |
| B negative | 0% | 0% | 10% | 90% |
| C positive | 40% | 10% | 7% | 43% |
| C negative | 0% | 0% | 7% | 93% |
| D positive | 17% | 0% | 10% | 73% |
| D negative | 10% | 0% | 0% | 90% |
"""
RELEVANCE = {
    "A": ("2.83/5", "1.40/5", "1.43"),
    "B": ("2.57/5", "1.27/5", "1.30"),
    "C": ("1.97/5", "1.27/5", "0.70"),
    "D": ("2.80/5", "1.30/5", "1.50"),
    "Overall": ("2.54/5", "1.31/5", "1.23"),
}
MEAN_F1 = {"A": "0.663", "B": "0.317", "C": "0.333", "D": "0.250", "Overall": "0.391"}
CUT = 200


def published_rows() -> list[Row]:
    """240 rows, concept by concept, positives first; every third prompt is that of the row before."""
    rows = []
    for quadrant, arms in FORMS.items():
        concepts = list(CONCEPTS[quadrant])
        for arm, (counts, total) in arms.items():
            for number, (text, rating) in enumerate(zip(_texts(counts), _ratings(total, 30), strict=True)):
                # Rows of one form lie together, so they are dealt out to the three concepts in turn.
                concept = concepts[number % 3]
                rows.append(_row(concept, quadrant, arm, number // 3, text, rating))
    order = {concept: place for place, concept in enumerate(c for named in CONCEPTS.values() for c in named)}
    return sorted(rows, key=lambda row: (order[row["concept"]], row["sample_type"] != "positive"))


def write_artifacts(folder: Path, rows: list[Row]) -> Path:
    """The three files of these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    judged = ("inferred_topic", "relevance_rating", "relevance_explanation")
    samples = [{name: value for name, value in row.items() if name not in judged} for row in rows]
    (folder / "samples.json").write_text(json.dumps(samples, indent=2), encoding="utf-8")
    (folder / "judgments.json").write_text(json.dumps(rows, indent=2), encoding="utf-8")
    f1 = {concept: value for named in CONCEPTS.values() for concept, value in named.items()}
    with (folder / "analysis.csv").open("w", encoding="utf-8", newline="") as file:
        measures = ["probe_f1", "probe_precision", "probe_recall"]
        writer = csv.DictWriter(file, [*rows[0], *measures])
        writer.writeheader()
        for row in rows:
            cut = {name: row[name][:CUT] for name in ("prompt", "response")}
            value = f1.get(row["concept"], "")
            writer.writerow(row | cut | dict.fromkeys(measures, value))
    return folder


def _texts(counts: tuple[int, ...]) -> list[str]:
    n_empty, n_short, n_repetitive, n_good = counts
    good = [
        f"Sentence {i} speaks of the matter at hand, “quoted”,\nand goes on for long enough: it names causes, uses and "
        f"examples, one after the other, so that a reader learns what sets number {i} apart from the rest of its kind. "
        * 2
        for i in range(n_good)
    ]
    short = ["A few words, and no more."] * n_short
    repetitive = [", an instance of: Theory of many things" * (8 + i) for i in range(n_repetitive)]
    return [""] * n_empty + short + repetitive + good


def _ratings(total: int, n: int) -> list[int]:
    whole, rest = divmod(total, n)
    return [whole + (place < rest) for place in range(n)]


def _row(concept: str, quadrant: str, arm: str, number: int, text: str, rating: int) -> Row:
    return {
        "concept": concept,
        "quadrant": quadrant,
        "sample_type": arm,
        "prompt": f"What is {concept}? Say it in {number - number % 3} words.",
        "response": text,
        "inferred_topic": f"something, perhaps {concept}",
        "relevance_rating": rating,
        "relevance_explanation": f"It is {'well' if rating > 2 else 'hardly'} on topic.",
    }
