"""Studies whose samples are written and not yet judged, and what of a judge's votes is kept in them."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from db import connect, insert, transaction
from db.rows import SampleRow
from engine.config import StudyConfig
from engine.judges.judge import Question
from engine.judges.questions import Asked, Questioner
from engine.packs.folder import load_pack
from engine.pipeline import run
from engine.prompts.rubrics import load_rubric

WRITTEN = datetime(2026, 11, 20, 9, 30)


def study_to_judge(folder: Path, *, per_quadrant: int, n_arm: int) -> Path:
    """A study of the bundled pack with `n_arm` samples in either arm of each concept, no two texts alike."""
    config = StudyConfig(per_quadrant=per_quadrant, n_positive=n_arm, n_negative=n_arm)
    run(folder, config, only=("select",), quiet=True)
    with connect(folder) as cursor:
        rows = cursor.execute("select sample_id, prompt_concept from prompts").fetchall()
    with transaction(folder) as cursor:
        insert(cursor, [_sample(sample_id, concept) for sample_id, concept in rows])
    return folder


def _sample(sample_id: str, concept: str) -> SampleRow:
    text = f"Text {sample_id} tells of {concept}. " + "It goes on for a while and says little more. " * 10
    return SampleRow(sample_id, text, "stop", [1, 2, 3], 5, WRITTEN)


def questions(study: Path) -> list[Question]:
    """Everything that there is to ask about the study, one vote each."""
    with connect(study) as cursor:
        samples = cursor.execute("select sample_id, output from samples order by all").fetchall()
        pairs = cursor.execute(
            "select concept, sample_id, output from pairs join samples using (sample_id) order by all"
        ).fetchall()
    about = [Question("topic", sample_id, text) for sample_id, text in samples]
    return about + [Question("relevance", sample_id, text, concept) for concept, sample_id, text in pairs]


def asked(study: Path) -> dict[Question, Asked]:
    """The words of every question, by the standard rubric."""
    questioner = Questioner(load_rubric("standard"), load_pack("starter"), text_limit=StudyConfig().text_limit)
    return {question: questioner.ask(question) for question in questions(study)}


Vote = tuple[str | None, str, int]


def votes_in_database(study: Path) -> list[Vote]:
    """Concept, sample and number of every vote; None for the concept of a topic."""
    with connect(study) as cursor:
        return cursor.execute(
            "select null, sample_id, vote from topics union all select concept, sample_id, vote from judgments"
        ).fetchall()


def votes_on_disk(study: Path) -> list[Vote]:
    """Votes that a process wrote down and did not bring into the database."""
    lines = [line for file in sorted((study / "replies").glob("*.jsonl")) for line in file.read_text().splitlines()]
    return [(row.get("concept"), row["sample_id"], row["vote"]) for row in _rows(lines)]


def _rows(lines: list[str]) -> Iterator[dict[str, object]]:
    for line in lines:
        # The last line may be cut short by the end of its process.
        if line.endswith("}"):
            yield json.loads(line)
