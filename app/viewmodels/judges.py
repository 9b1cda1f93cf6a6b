"""What judges are called where one is chosen among several."""

from collections import Counter
from collections.abc import Sequence

from app.data import Judge
from engine.words import count


def judge_labels(judges: Sequence[Judge]) -> dict[str, str]:
    """A label for each judge's id: backend and model, and of those that share them also the rubric, their votes, the id."""
    plain = {judge.judge_id: f"{judge.backend} · {judge.model}" for judge in judges}
    full = {
        judge.judge_id: f"{plain[judge.judge_id]} · {judge.rubric}, {count(judge.n_votes, 'vote')}" for judge in judges
    }
    labels = _where_shared(plain, full)
    return _where_shared(labels, {key: f"{label} ({key[:6]})" for key, label in labels.items()})


def _where_shared(labels: dict[str, str], longer: dict[str, str]) -> dict[str, str]:
    """The longer label of each that shares its label with another."""
    times = Counter(labels.values())
    return {key: longer[key] if times[label] > 1 else label for key, label in labels.items()}
