"""A small run as rows, in the order in which they may be added."""

from datetime import datetime

from db.rows import JudgeRow, PackRow, PairRow, PromptRow, RatingRow, RatingSource, Row, RunRow, SampleRow

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901)
SAMPLES = ("s1", "s2", "s3", "s4")


def run_rows() -> list[list[Row]]:
    return [
        [PackRow("p", "pack", "1", "folder", "wordnet", 2)],
        [RunRow("r", "run", NOW, "{}", "model", "print", "p", "standard", "hash", 7, '{"lensgap": "0.1"}')],
        [PromptRow(sample, "r", "gin", "define", i, "Define gin.", 0, i) for i, sample in enumerate(SAMPLES)],
        [SampleRow(sample, "Gin is a spirit.", "stop", (1, 2), 4, NOW) for sample in SAMPLES],
        [pair(sample, i) for i, sample in enumerate(SAMPLES)],
        [JudgeRow(judge, "offline", "tfidf", "standard", "hash", "{}", True, NOW) for judge in ("j", "k")],
    ]


def pair(sample: str, position: int) -> PairRow:
    arm, kind = ("positive", None) if position % 2 == 0 else ("negative", "sibling")
    return PairRow("r", "gin", sample, arm, kind, position / 4, position)  # type: ignore[arg-type]


def rating_row(
    rating_id: str,
    sample_id: str,
    rating: int | None,
    *,
    source: RatingSource = "override",
    undoes: str | None = None,
    reviewer: str = "ann",
) -> RatingRow:
    probability = 0.5 if source == "audit" and undoes is None else None
    return RatingRow(
        rating_id=rating_id,
        run_id="r",
        concept="gin",
        sample_id=sample_id,
        reviewer=reviewer,
        source=source,
        rating=rating,
        undoes=undoes,
        inclusion_probability=probability,
        blind=True,
        reason=None,
        rated_at=NOW,
    )
