"""How a run's lenses were held out, in words: said with each F1, and where a training is not as the run's settings have it.

A run keeps the settings that it was begun with; `lensgap train --folds 2` changes none of them. Its lenses are a trial: they are
kept beside the run's own, and reports, screens and packs show the run's own where they are trained, else the latest. So a trial
takes nothing over, and nobody need train again to get back. Columns tell a lens's phase, mode and pool; the settings that no
column tells end what is said of its F1's method, where the queries that choose lenses look for them.
"""

import json
from pathlib import Path

from db import connect, query
from engine.config import StudyConfig

_NAMES = ("validation", "folds", "repeats", "group_by")


def validation_words(config: StudyConfig) -> str:
    """How settings hold pairs out; `findings.lenses` and `lens_packs.lenses` build the same words of a run's settings."""
    return f"validation {config.validation} {config.folds} × {config.repeats} by {config.group_by}"


def trial_sentence(study: Path, run_id: str, config: StudyConfig) -> str | None:
    """Say where settings hold pairs out otherwise than the run's own; None where they do not."""
    with connect(study) as cursor:
        row = cursor.execute(query("stages.run"), {"run_id": run_id}).fetchone()
    stored = json.loads(row[1]) if row else {}
    given = {name: getattr(config, name) for name in _NAMES}
    differ = [
        f"{name} {given[name]} instead of {stored[name]}"
        for name in _NAMES
        if stored.get(name, given[name]) != given[name]
    ]
    if not differ:
        return None
    return (
        f"These lenses are a trial ({', '.join(differ)}): reports, screens and packs prefer lenses trained with the "
        "run's own settings."
    )
