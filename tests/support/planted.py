"""Studies whose texts are planted, and what of a study must be equal when it is made again."""

import random
import shutil
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from db import connect, insert, transaction
from db.rows import SampleRow
from engine.config import StudyConfig
from engine.packs.folder import load_pack
from engine.packs.pack import Pack
from engine.pipeline import run
from engine.subject.encode import encode_prompt
from engine.subject.load import Subject

FILLERS = (
    "It has been known for a very long time.",
    "Many people own one, or would like to.",
    "In the north it is common, in the south less so.",
    "One may read about it in any larger book.",
    "Opinions on its merits differ.",
    "Children learn about it at school.",
)
Write = Callable[[str, random.Random], str]


def clean_text(pack: Pack) -> Write:
    """Texts that say what the concept is, each in other words."""

    def write(term: str, rng: random.Random) -> str:
        entry = pack.by_term[term]
        said = rng.choice(("{} means {}.", "By {} one understands {}.", "{}: {}.", "The word {} stands for {}."))
        return " ".join([said.format(term, entry.definition), *rng.sample(FILLERS, 3)])

    return write


def half_loops(pack: Pack) -> Write:
    """The same texts, but every second one is a loop about nothing in the pack."""
    clean = clean_text(pack)

    def write(term: str, rng: random.Random) -> str:
        text = clean(term, rng)
        number = rng.randint(100, 999)
        return f"and then the number {number}, " * 20 if rng.random() < 0.5 else text

    return write


def plant(study: Path, config: StudyConfig, subject: Subject, write: Callable[[Pack], Write]) -> str:
    """Plan a study and put texts of our own where the model's would be; returns the run's id."""
    run_id = run(study, config, only=("select",), quiet=True).run_id
    one = write(load_pack(config.pack))
    with connect(study) as cursor:
        prompts = cursor.execute("select sample_id, prompt_concept, prompt, seed from prompts").fetchall()
    rows = []
    for sample_id, term, prompt, seed in prompts:
        output = one(term, random.Random(seed))
        ids = subject.tokenizer(output, add_special_tokens=False)["input_ids"][:60]
        n_prompt = len(encode_prompt(subject, prompt))
        rows.append(SampleRow(sample_id, output, "stop", tuple(ids), n_prompt, datetime(2026, 1, 2)))
    with transaction(study) as cursor:
        insert(cursor, rows)
    return run_id


def copy_study(source: Path, target: Path) -> Path:
    """A copy of a whole study folder, once nobody in this process has its database open."""
    close_databases()
    return Path(shutil.copytree(source, target))


def close_databases() -> None:
    """Close the databases that this process has open."""
    # The package offers a function of the module's name.
    sys.modules["db.connect"].close_all()


KEPT = {
    "texts": "select sample_id, output, output_ids, finish_reason, n_prompt_tokens from samples order by all",
    "forms": "select * from forms order by all",
    "pairs": "select * from pairs order by all",
    "activations": "select sample_id, layer, phase, mode, missing_reason from activations order by all",
    "topics": "select judge_id, sample_id, vote, topic, similarity, unscored_reason, raw_reply from topics order by all",
    "ratings": """
        select judge_id, concept, sample_id, vote, rating, explanation, unscored_reason, raw_reply from judgments order by all
    """,
    "lenses": "select * exclude (trained_at, fit_seconds) from lenses order by all",
    "measures": "select * from lens_measures order by all",
    "scores": "select * from lens_scores order by all",
}


def snapshot(study: Path) -> dict[str, list[Any]]:
    """All that must be equal between two makings of one study: everything but times and places."""
    with connect(study) as cursor:
        return {name: cursor.execute(statement).fetchall() for name, statement in KEPT.items()}
