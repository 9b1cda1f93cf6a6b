"""Stands in for `lensgap judge try` where a screen is tested without a model: prices and answers by a rule, and notes its calls.

The rating of a pair is one above that of the judge `JUDGE` names in the environment, 5 at most, so that a test can recompute it.
"""

import json
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from datetime import datetime
from pathlib import Path

from db import connect, insert, transaction
from db.rows import JudgeRow, JudgmentRow
from engine.prompts.rubrics import load_rubric
from engine.terminal import NOTE

NOW = datetime(2026, 11, 22, 12)
PRICE = 0.0001
HIGH = 0.0051
_LEAKED = """nanobind: leaked 1 instances!
 - leaked instance 0x55e8290d3850 of type "_duckdb._sqltypes.DuckDBPyType"
 - ... skipped remainder
nanobind: this is likely caused by a reference counting issue in the binding code.
See https://nanobind.readthedocs.io/en/latest/refleaks.html"""


def main() -> None:
    """Answer as the command would."""
    given = _read()
    rubric = load_rubric(given.rubric)
    backend, _, model = given.judge.partition(":")
    judge_id = f"try-{rubric.hash}"
    note = {"arguments": sys.argv[1:], "rubric_hash": rubric.hash}
    with Path(os.environ["CALLS"]).open("a", encoding="utf-8") as calls:
        calls.write(json.dumps(note) + "\n")
    if model == "broken":
        print("\x1b[1mThe judge cannot be used.\x1b[0m The key sk-planted-key is wrong.", file=sys.stderr)
        print(_LEAKED, file=sys.stderr)
        raise SystemExit(1)
    if model == "failing" and not given.dry_run:
        print(
            f"{NOTE}The judge's server fails (500: <b>sk-planted-key</b>). Trying again.", file=sys.stderr, flush=True
        )
        Path(os.environ["CALLS"]).with_name("let-go").touch()
        time.sleep(60)
    if model == "slow" and not given.dry_run:
        time.sleep(60)
    left = [pair for pair in given.pair if pair not in _answered(given.study, judge_id)]
    if given.dry_run:
        print(json.dumps(_price(given.judge, len(left), is_known=model != "unpriced")))
        return
    _answer(given.study, judge_id, JudgeRow(judge_id, backend, model, rubric.name, rubric.hash, "{}", False, NOW), left)
    print(json.dumps({"judge": judge_id, "n_asked": len(left), "n_pairs": len(given.pair)}))


def _read() -> Namespace:
    parser = ArgumentParser()
    parser.add_argument("words", nargs=2)
    parser.add_argument("study", type=Path)
    for name in ("--run", "--judge", "--base-url", "--rubric", "--budget"):
        parser.add_argument(name)
    parser.add_argument("--pair", action="append", default=[])
    for name in ("--dry-run", "--json", "--yes"):
        parser.add_argument(name, action="store_true")
    given = parser.parse_args()
    given.pair = [one.partition(":")[::-2] for one in given.pair]
    return given


def _answered(study: Path, judge_id: str) -> list[tuple[str, str]]:
    with connect(study) as cursor:
        found = cursor.execute("select concept, sample_id from judgments where judge_id = ?", [judge_id]).fetchall()
    return found


def _price(judge: str, n: int, *, is_known: bool) -> dict[str, object]:
    kind = {"kind": "relevance", "n_calls": n, "n_by_rule": 0, "n_cached_tokens": 0}
    cost = {
        "known": is_known,
        "reason": None,
        "is_batch": False,
        "prices_as_of": "2026-11-20",
        "prices_source": "a table",
    }
    cost |= {"likely_usd": n * PRICE if is_known else None, "high_usd": n * HIGH if is_known else None}
    kinds = [kind | {"n_input_tokens": 1200 * n, "n_output_tokens": 45 * n}]
    return {"judge": judge, "n_calls": n, "kinds": kinds, "cost": cost, "assumptions": ["4 characters a token"]}


def _answer(study: Path, judge_id: str, judge: JudgeRow, pairs: list[tuple[str, str]]) -> None:
    with connect(study) as cursor:
        found = cursor.execute(
            "select concept, sample_id, rating from judgments where judge_id = ?", [os.environ["JUDGE"]]
        ).fetchall()
    old = {(concept, sample_id): rating for concept, sample_id, rating in found}
    rows = []
    for concept, sample_id in pairs:
        rating = None if (before := old[concept, sample_id]) is None else min(5, before + 1)
        said = (f"<b>now</b> {rating}", None) if rating else (None, "the model refused")
        rows.append(JudgmentRow(judge_id, concept, sample_id, 0, rating, *said, "raw", 1200, 45, PRICE, NOW))
    with transaction(study) as cursor:
        insert(cursor, [judge])
        insert(cursor, rows)


if __name__ == "__main__":
    main()
