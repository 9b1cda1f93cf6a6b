"""What asking a judge will cost, told and agreed to before anything is spent."""

import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from db import connect, query
from engine.config import StudyConfig
from engine.errors import ConsentMissing, StudyMissing
from engine.judges.api.endpoint import ANTHROPIC_URL
from engine.judges.api.messages import MAX_TOKENS, MessagesJudge
from engine.judges.costs.budget import Budget
from engine.judges.costs.preflight import Example, Preflight, ToAsk, describe_cost, forecast_judging
from engine.judges.judge import KINDS, Judge, Kind, Question, Usage
from engine.stages.generate import count
from engine.stages.judge import Inquiry, PendingQuestions, judge_id, left_to_ask
from engine.terminal import counted

N_EXAMPLES = 20
"""Questions of each kind whose length stands for all."""

EXAMPLES: dict[Kind, str] = {"topic": "judging.topic_examples", "relevance": "judging.relevance_examples"}


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
    questions = _examples(asking, kind) if left.n_votes > left.n_empty else []
    counted = judge.count_tokens(questions) if count else [None] * len(questions)
    asked = [judge.questioner.ask(question) for question in questions]
    examples = tuple(
        Example(len(words.system), len(words.user), min(len(question.text), text_limit), n_tokens)
        for question, words, n_tokens in zip(questions, asked, counted, strict=True)
    )
    with connect(asking.study) as cursor:
        row = cursor.execute(query("judging.spent"), {"judge_id": asking.judge_id}).fetchone()
    means: dict[Kind, float | None] = {"topic": row[2], "relevance": row[3]} if row else {}
    n_empty = left.n_empty if examples else left.n_votes
    return ToAsk(kind, left.n_votes, n_empty, left.n_chars, examples, means.get(kind))


def _examples(asking: Inquiry, kind: Kind) -> list[Question]:
    """Some of the questions that are pending, no two about the same sample and concept."""
    values = asking.values(kind) | {"n_rows": N_EXAMPLES}
    with connect(asking.study) as cursor:
        found = cursor.execute(query(EXAMPLES[kind]), values).fetchall()
    examples = [Question(kind, sample_id, text, concept) for concept, sample_id, text in found if text.strip()]
    if examples:
        return examples
    # Python knows more characters that are no text than SQL does; perhaps only the first ones are such.
    return list(islice((question for question in PendingQuestions(asking, kind) if question.text.strip()), 1))


def budget_of(asking: Inquiry, limit_usd: float | None, *, hold: Callable[[float], None] | None = None) -> Budget:
    """The budget of a judge in a study, with what it has cost there so far, and may have cost at most."""
    values = {"judge_id": asking.judge_id}
    with connect(asking.study) as cursor:
        spent_usd, *_, lost_usd = cursor.execute(query("judging.spent"), values).fetchone() or (0.0, 0.0)
        (at_server_usd,) = cursor.execute(query("judging.at_server"), values).fetchone() or (0.0,)
    return Budget(limit_usd, spent_usd=spent_usd, unsure_usd=lost_usd, at_server_usd=at_server_usd, hold=hold)


def require_consent(
    preflight: Preflight, judge: MessagesJudge, *, agreed: bool, ask: Callable[[str], bool] | None
) -> None:
    """Return if the money may be spent: agreed beforehand, nothing to spend, or a person says yes to the price.

    A server that the user named and whose price nobody knows is taken to be the user's own.
    """
    if agreed or not preflight.n_calls or not _costs_money(judge):
        return
    said = describe_cost(preflight).removeprefix("Cost: ")
    if ask is None:
        raise ConsentMissing(
            f"{counted(preflight.n_calls, 'call costs', 'calls cost')} money: {said}",
            hint="Set a limit with --budget, or accept the cost with --yes.",
        )
    if not ask("Go on?"):
        raise ConsentMissing(
            "The price was not accepted, so nothing was asked and nothing spent.",
            hint="Set a limit with --budget, or ask later.",
        )


def require_payable(study: Path, run_id: str, judge: Judge, config: StudyConfig, *, agreed: bool) -> None:
    """Raise ahead of hours of other work where judging, which comes after it, could not begin.

    ConsentMissing where nobody will be there to agree to the price, JudgeError where a budget cannot be kept.
    """
    asking = Inquiry(study, run_id, judge_id(judge.identity), n_votes=config.votes)
    if not isinstance(judge, MessagesJudge) or _is_judged(asking):
        return
    judge.budget = Budget(config.budget)
    judge.require_price()
    if not agreed and not terminal_asks() and _costs_money(judge):
        raise ConsentMissing(
            "Judging costs money, and nobody is here to accept the price.",
            hint="Set a limit with --budget, or accept the cost with --yes.",
        )


def _costs_money(judge: MessagesJudge) -> bool:
    """Whether calls have a price, or one that nobody told; a server of the user's own is taken to have none."""
    price = judge.prices.find(judge.endpoint.model)
    if price is None:
        return judge.endpoint.base_url == ANTHROPIC_URL
    return any(step.cost(Usage(1, 1, 1, 1)) > 0 for step in price.steps)


def _is_judged(asking: Inquiry) -> bool:
    """Whether the run has all its texts, and all votes on them that need a call."""
    try:
        with connect(asking.study) as cursor:
            n_prompts = count(cursor, asking.run_id, "n_prompts")
            n_samples = count(cursor, asking.run_id, "n_samples")
    except StudyMissing:
        return False
    left = [left_to_ask(asking, kind) for kind in KINDS]
    return 0 < n_prompts == n_samples and all(one.n_votes == one.n_empty for one in left)


def terminal_asks() -> bool:
    """Whether there is a person at the terminal who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
