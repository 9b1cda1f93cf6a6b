"""What asking a judge will cost, told and agreed to before anything is spent."""

import sys
from collections.abc import Callable, Sequence
from itertools import islice

from db import connect, query
from engine.config import StudyConfig
from engine.errors import ConsentMissing
from engine.judges.api.endpoint import ANTHROPIC_URL
from engine.judges.api.messages import MAX_TOKENS, MessagesJudge
from engine.judges.costs.budget import Budget
from engine.judges.costs.preflight import Example, Preflight, ToAsk, describe_cost, forecast_judging
from engine.judges.judge import Judge, Kind
from engine.stages.judge import Inquiry, PendingQuestions, left_to_ask

N_EXAMPLES = 5
"""Questions of each kind whose length stands for all."""


def price_judging(
    asking: Inquiry, judge: MessagesJudge, kinds: Sequence[Kind], config: StudyConfig, *, count: bool
) -> Preflight:
    """What all that is pending will take; with `count`, the endpoint is asked for the tokens of a few questions, for nothing."""
    return forecast_judging(
        [_to_ask(asking, judge, kind, text_limit=config.text_limit, count=count) for kind in kinds],
        judge=f"{judge.identity.backend}:{judge.identity.model}",
        price=judge.prices.find(judge.endpoint.model),
        max_tokens=MAX_TOKENS,
        caching=judge.endpoint.base_url == ANTHROPIC_URL,
        batch=config.batches,
    )


def price_free_judge(asking: Inquiry, judge: Judge, kinds: Sequence[Kind]) -> Preflight:
    """What is pending for a judge that costs nothing."""
    left = {kind: left_to_ask(asking, kind) for kind in kinds}
    to_ask = [ToAsk(kind, one.n_votes, one.n_empty, one.n_chars, (Example(0, 0, 0),)) for kind, one in left.items()]
    name = f"{judge.identity.backend}:{judge.identity.model}"
    return forecast_judging(to_ask, judge=name, price=None, max_tokens=MAX_TOKENS, is_free=True)


def _to_ask(asking: Inquiry, judge: MessagesJudge, kind: Kind, *, text_limit: int, count: bool) -> ToAsk:
    left = left_to_ask(asking, kind, text_limit=text_limit)
    pending = (question for question in PendingQuestions(asking, kind) if question.text.strip())
    questions = list(islice(pending, N_EXAMPLES)) if left.n_votes > left.n_empty else []
    counted = judge.count_tokens(questions) if count else [None] * len(questions)
    asked = [judge.questioner.ask(question) for question in questions]
    examples = tuple(
        Example(len(words.system), len(words.user), min(len(question.text), text_limit), n_tokens)
        for question, words, n_tokens in zip(questions, asked, counted, strict=True)
    )
    with connect(asking.study) as cursor:
        row = cursor.execute(query("judging.spent"), {"judge_id": asking.judge_id}).fetchone()
    means: dict[Kind, float | None] = {"topic": row[2], "relevance": row[3]} if row else {}
    # Python knows more characters that are no text than SQL does.
    n_empty = left.n_empty if examples else left.n_votes
    return ToAsk(kind, left.n_votes, n_empty, left.n_chars, examples, means.get(kind))


def budget_of(asking: Inquiry, limit_usd: float | None) -> Budget:
    """The budget of a judge in a study, with what it has cost there so far."""
    with connect(asking.study) as cursor:
        row = cursor.execute(query("judging.spent"), {"judge_id": asking.judge_id}).fetchone()
    return Budget(limit_usd, spent_usd=row[0] if row else 0.0)


def require_consent(
    preflight: Preflight, judge: MessagesJudge, *, agreed: bool, ask: Callable[[str], bool] | None
) -> None:
    """Return if the money may be spent: agreed beforehand, nothing to spend, or a person says yes to the price.

    A server that the user named and whose price nobody knows is taken to be the user's own.
    """
    is_own = not preflight.known and judge.endpoint.base_url != ANTHROPIC_URL
    if agreed or not preflight.n_calls or preflight.high_usd == 0 or is_own:
        return
    said = describe_cost(preflight).removeprefix("Cost: ")
    if ask is None:
        raise ConsentMissing(
            f"{preflight.n_calls:,} calls cost money: {said}", hint="Set a limit with --budget, or spend it with --yes."
        )
    if not ask("Go on?"):
        raise ConsentMissing(
            "Nobody agreed to the price, so nothing was asked and nothing spent.",
            hint="Set a limit with --budget, or ask later.",
        )


def terminal_asks() -> bool:
    """Whether there is a person at the terminal who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
