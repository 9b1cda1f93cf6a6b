"""What people, packs and judges can write beside texts and names, all of it hostile, on a study that is hostile already.

One pair and one concept get every text, so that one look at their screens shows them all.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app import data
from app.data import review, saved_views
from app.data.bulk import rate_all
from app.data.rubrics import FIELDS
from db import connect, insert, transaction
from db.queries import query
from db.rows import (
    ComparisonResultRow,
    ComparisonRow,
    GraduationStepRow,
    ImportRow,
    MarkRow,
    RatingRow,
    ReportedMeasureRow,
    Row,
    SenseRow,
)
from engine.exchange.snapshots import Wish, freeze
from engine.prompts.rubrics import build_rubric, load_rubric, rubric_toml
from tests.support.hostile_report import HOSTILE
from tests.support.synthetic_study import JUDGE, PACK, RUN

NOW = datetime(2026, 11, 21, 9, 30)
WRITTEN = tuple(text.replace("\x00", "") for text in HOSTILE)
"""A name or reason cannot hold NUL: no field of a browser sends it."""
FILE_NAME = "<img src=x onerror=window.taken=1;alert(1)>"
"""What can be the name of a file or folder, too."""


def _any(*seeds: str) -> str:
    return f"$texts[1 + (hash({', '.join(seeds)}) % len($texts))::integer]"


_UPDATES = (
    f"update topics set raw_reply = {_any('sample_id')}, topic = if(topic is null, null, {_any('sample_id', '1')})",
    f"update topics set unscored_reason = {_any('sample_id')} where topic is null",
    f"update judgments set raw_reply = {_any('sample_id', 'concept')}",
    f"update judgments set explanation = {_any('concept', 'sample_id')} where rating is not null",
    f"update concepts set label = {_any('concept')}, bucket = {_any('concept', '1')}, origin = {_any('concept', '2')} "
    "where length(definition) % 2 = 0",
    "update packs set source = $texts[1], made_by = $texts[2], made_from = $texts[3]",
    f"update prompts set prompt = {_any('sample_id', '3')}",
)


def add_hostile_team(study: Path) -> Path:
    """Have hostile people rate, flag, keep lists, compare and freeze findings in a hostile study; returns it."""
    with transaction(study) as cursor:
        for statement in _UPDATES:
            cursor.execute(statement, {"texts": list(HOSTILE)})
        # A stage that is at work: its name and what it says.
        about = {"run_id": RUN, "stage": HOSTILE[9], "message": HOSTILE[0], "updated_at": datetime.now(UTC)}
        cursor.execute(query("stages.record_progress"), {"n_done": 1, "n_total": 2, "seconds": 5.0, **about})
    pairs = _pairs(study)
    review.plan_audit(study, RUN, JUDGE, n_ratings=60)
    with transaction(study) as cursor:
        rows = [*_senses(pairs[0][0]), *_ratings(pairs), *_marks(pairs), *_lens_work(), *_reported(pairs[0][0])]
        for kind in dict.fromkeys(type(row) for row in rows):
            insert(cursor, [row for row in rows if type(row) is kind])
    for i, text in enumerate(WRITTEN):
        saved_views.save_view(study, RUN, name=text, choices={"q": [text]}, reviewer=WRITTEN[-i])
    for i in range(3):
        _rate_at_once(study, pairs[8 * i + 8 : 8 * i + 16], text=WRITTEN[i])
    _rubrics(study / "rubrics")
    freeze(study, Wish(run_id=RUN), name=WRITTEN[0], by=WRITTEN[10], now=NOW)
    return study


def busiest_pair(study: Path) -> tuple[str, str]:
    """Concept and sample of the pair that everybody rated."""
    return _pairs(study)[0]


def _pairs(study: Path) -> list[tuple[str, str]]:
    with connect(study) as cursor:
        return cursor.execute("select concept, sample_id from pairs order by position, concept").fetchall()


def _senses(concept: str) -> list[Row]:
    with_ids = enumerate(WRITTEN)
    return [SenseRow(PACK, concept, f"{i}-{text}", 100 + i, text, (text,)) for i, text in with_ids]


def _ratings(pairs: list[tuple[str, str]]) -> list[Row]:
    def rating(i: int, text: str, concept: str, sample_id: str, source: str) -> RatingRow:
        chance = 0.5 if source == "audit" else None
        when, blind = NOW + timedelta(minutes=i), source == "audit"
        about = (f"{source}-{i}", RUN, concept, sample_id, text, source)
        return RatingRow(*about, 1 + i % 5, None, chance, blind, WRITTEN[-i], when)  # type: ignore[arg-type]

    busy = pairs[0]
    audited = pairs[60 : 60 + len(WRITTEN)]
    return [rating(i, text, *busy, "override") for i, text in enumerate(WRITTEN)] + [
        rating(i, text, *pair, "audit") for i, (text, pair) in enumerate(zip(WRITTEN, audited, strict=True))
    ]


def _reported(concept: str) -> list[Row]:
    read = ImportRow(RUN, "artifacts", FILE_NAME, "0", NOW)
    return [read, *(ReportedMeasureRow(RUN, concept, text, i / len(WRITTEN)) for i, text in enumerate(WRITTEN))]


def _rubrics(folder: Path) -> None:
    """One that can be used, whose every text holds what may stand in a rubric, and one that cannot."""
    folder.mkdir()
    base = load_rubric("standard")
    held = "\n".join(text for text in WRITTEN if not set(text) & set("{}") and text.isprintable())
    texts = {field: f"{held}\n{getattr(base, field)}" for field in FIELDS}
    (folder / f"{FILE_NAME}-1.toml").write_text(rubric_toml(build_rubric(WRITTEN[0], 1, **texts)), "utf-8")
    (folder / f"{FILE_NAME}-2.toml").write_text(f"name = {WRITTEN[9]}", "utf-8")


def _marks(pairs: list[tuple[str, str]]) -> list[Row]:
    return [
        MarkRow(f"flag-{i}", RUN, *pair, text, "flag", WRITTEN[-i], NOW)
        for i, (text, pair) in enumerate(zip(WRITTEN, pairs[120:], strict=False))
    ]


def _lens_work() -> list[Row]:
    rows: list[Row] = []
    for i, text in enumerate(HOSTILE):
        decided = (0.9, 0.8, None, "exhausted", text, NOW)
        rows.append(GraduationStepRow(RUN, "rule", text, 0, 6, None, *decided))  # type: ignore[arg-type]
        rows.append(ComparisonRow(f"c{i}", RUN, None, "refinement", text, text, (2,), json.dumps({text: text}), NOW))
        rows.append(ComparisonResultRow(f"c{i}", text, "f1", 0.5, 0.6, 6, True, None))
        rows.append(ComparisonResultRow(f"c{i}", text, "precision", None, None, 6, None, text))
    return rows


def _rate_at_once(study: Path, pairs: list[tuple[str, str]], *, text: str) -> None:
    rate_all(
        study,
        RUN,
        bulk_id=data.new_rating_id(),
        pairs=pairs,
        rating=2,
        reviewer=text,
        reason=text,
        chosen_by={"q": [text]},
        replace_others=False,
    )
