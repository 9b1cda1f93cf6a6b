"""What judging a plan will take is told before a text exists, and grows as its pairs and votes do."""

import pytest

from engine.config import StudyConfig
from engine.errors import JudgeError
from engine.exchange.judging_forecast import forecast_planned_judging
from engine.judges.costs.preflight import Preflight
from engine.packs.folder import load_pack


def forecast(judge: str, *, votes: int = 1, n_samples: int = 100, n_pairs: int = 150, tokens: float = 60) -> Preflight:
    config = StudyConfig(judge=judge, votes=votes)
    pack = load_pack("starter")
    return forecast_planned_judging(config, pack, n_samples=n_samples, n_pairs=n_pairs, tokens_a_text=tokens)


def test_a_paid_judge_is_asked_once_a_text_and_once_a_pair_for_each_vote() -> None:
    one, three = forecast("anthropic"), forecast("anthropic", votes=3)
    assert (one.n_calls, three.n_calls) == (250, 750)
    assert one.likely_usd is not None
    assert three.likely_usd is not None
    assert 2 * one.likely_usd < three.likely_usd < 3.5 * one.likely_usd
    assert one.high_usd is not None
    assert one.high_usd > one.likely_usd


def test_longer_texts_cost_more_up_to_what_a_judge_is_shown() -> None:
    costs = [forecast("anthropic", tokens=tokens).likely_usd or 0 for tokens in (10, 100, 5_000, 500_000)]
    assert costs[0] < costs[1] < costs[2] == costs[3]


def test_the_offline_judge_costs_nothing_and_an_unknown_model_an_unknown_sum() -> None:
    assert forecast("offline").high_usd == 0.0
    assert forecast("anthropic:some-model-nobody-priced").likely_usd is None


def test_a_judge_that_there_cannot_be_is_told_before_anything_is_made() -> None:
    with pytest.raises(JudgeError, match="There is no judge"):
        forecast("nonsense")
