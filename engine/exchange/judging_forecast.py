"""What judging a planned run will take, told before its texts exist: from their number and their longest likely length."""

from dataclasses import replace

from engine.config import StudyConfig
from engine.judges.api.endpoint import ANTHROPIC_URL
from engine.judges.api.messages import MAX_TOKENS, MessagesJudge
from engine.judges.costs.preflight import CHARS_A_TOKEN, Example, Preflight, ToAsk, forecast_judging
from engine.judges.judge import Kind
from engine.judges.open import open_judge
from engine.packs.pack import Pack
from engine.prompts.rubrics import load_rubric


def forecast_planned_judging(
    config: StudyConfig, pack: Pack, *, n_samples: int, n_pairs: int, tokens_a_text: float
) -> Preflight:
    """Calls and cost of judging all of a plan once; JudgeError or ConfigError for a judge that there cannot be.

    A text is taken to be as long as the model's in this study, or as long as it may be; what is judged already is not left out.
    """
    judge = open_judge(config, pack, is_asked=False)
    n_chars = round(min(tokens_a_text * CHARS_A_TOKEN, config.text_limit))
    rubric = load_rubric(config.rubric) if isinstance(judge, MessagesJudge) else None
    asked: tuple[tuple[Kind, int, str, str], ...] = (
        ("topic", n_samples, rubric.topic_system if rubric else "", rubric.topic_question if rubric else ""),
        ("relevance", n_pairs, rubric.relevance_system if rubric else "", rubric.relevance_question if rubric else ""),
    )
    to_ask = [
        ToAsk(
            kind,
            n_votes=n * config.votes,
            n_empty=0,
            n_chars=n * config.votes * n_chars,
            examples=(Example(len(system), len(question) + n_chars, n_chars),),
        )
        for kind, n, system, question in asked
    ]
    if not isinstance(judge, MessagesJudge):
        return forecast_judging(to_ask, judge=config.judge, price=None, max_tokens=0, is_free=True)
    found = forecast_judging(
        to_ask,
        judge=f"{judge.identity.backend}:{judge.identity.model}",
        price=judge.prices.find(judge.endpoint.model),
        max_tokens=MAX_TOKENS,
        caching=judge.endpoint.base_url == ANTHROPIC_URL,
        batch=config.batches,
    )
    return replace(found, assumptions=(f"texts of {n_chars:,} characters", *found.assumptions))
