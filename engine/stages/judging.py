"""The judge's part of a run: what was received is kept first, then all that is pending is asked, topics before relevance."""

from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from engine.config import StudyConfig
from engine.judges.judge import KINDS, Judge
from engine.judges.vocabulary import Vocabulary
from engine.packs.pack import Pack
from engine.stages.judge import NAMES, Asking, ask, judge_id, judge_row, keep_left_replies
from engine.stages.stage import write_rows


@dataclass(frozen=True, slots=True)
class AskOptions:
    """How one call asks: unscored votes `again`, only telling the price (`dry_run`), or spending without asking back (`yes`)."""

    again: bool = False
    dry_run: bool = False
    yes: bool = False


def judge_run(
    study: Path, run_id: str, judge: Judge, config: StudyConfig, pack: Pack, bar: Progress, options: AskOptions
) -> dict[str, int]:
    """Ask all that is pending; returns the answers of each kind."""
    write_rows(study, [judge_row(judge.identity)])
    asking = Asking(study, run_id, judge_id(judge.identity), n_votes=config.votes, again=options.again)
    keep_left_replies(asking, judge)
    vocabulary = Vocabulary(pack)
    return {NAMES[kind]: ask(asking, judge, kind, vocabulary, bar) for kind in KINDS}
