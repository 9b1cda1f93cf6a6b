"""The judge's part of a run: what was received is kept first, then all that is pending is priced and asked, topics first."""

import secrets
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer
from rich.progress import Progress

from db import connect, query
from db.rows import EndpointRow, ExtraReason, JudgeExtraRow
from engine.config import StudyConfig
from engine.errors import ConfigError, JudgeError
from engine.judges.api.endpoint import Capabilities
from engine.judges.api.messages import MessagesJudge
from engine.judges.api.probe import probe
from engine.judges.batches.batch_judge import BatchJudge
from engine.judges.costs.preflight import TITLES, Preflight, preflight_table
from engine.judges.judge import KINDS, Judge, Kind
from engine.judges.open import NO_KEY_YET
from engine.judges.vocabulary import Vocabulary
from engine.packs.pack import Pack
from engine.stages.batch_ledger import StudyLedger
from engine.stages.judge import Inquiry, Tally, ask, judge_id, judge_row, left_to_ask, open_log
from engine.stages.left_replies import keep_left_replies, keep_left_rows
from engine.stages.pricing import budget_of, price_free_judge, price_judging, require_consent, terminal_asks
from engine.stages.progress import now
from engine.stages.reply_log import ReplyLog
from engine.stages.stage import write_rows
from engine.terminal import NOTE, counted, visible

CRUMB_USD = 1e-9
"""Less than any call costs; sums of floats leave such."""


@dataclass(frozen=True, slots=True)
class AskOptions:
    """How one call asks: unscored votes `again`, spending without asking back (`yes`), about `chosen` pairs alone.

    Chosen pairs of concept and sample are asked about for their relevance; None asks all about all of the run.
    """

    again: bool = False
    yes: bool = False
    chosen: tuple[tuple[str, str], ...] | None = None

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is asked."""
        return KINDS if self.chosen is None else ("relevance",)


def judge_run(
    study: Path, run_id: str, judge: Judge, config: StudyConfig, pack: Pack, bar: Progress, options: AskOptions
) -> dict[str, Tally]:
    """Ask all that is pending; returns what was answered of each kind."""
    asking = _asking(study, run_id, judge, config, options)
    write_rows(study, [judge_row(judge.identity)])
    with open_log(asking, judge) as log:
        if log:
            _keep_what_is_left(asking, log, judge, pack, partial(_tell, bar))
        if not any(left_to_ask(asking, kind).n_votes for kind in options.kinds):
            return {TITLES[kind]: Tally() for kind in options.kinds}
        if caution := getattr(judge, "caution", None):
            _tell(bar, caution)
        vocabulary = Vocabulary(pack)
        if log and isinstance(judge, MessagesJudge):
            return _ask_for_money(asking, judge, config, vocabulary, bar, options, log)
        return {TITLES[kind]: ask(asking, judge, kind, vocabulary, bar, log) for kind in options.kinds}


def _ask_for_money(
    asking: Inquiry,
    judge: MessagesJudge,
    config: StudyConfig,
    vocabulary: Vocabulary,
    bar: Progress,
    options: AskOptions,
    log: ReplyLog,
) -> dict[str, Tally]:
    """Ask a judge whose calls cost something; however that ends, what may have been spent is written down."""
    judge.budget = budget_of(asking, config.budget, hold=log.hold)
    judge.in_haste, judge.tell = options.chosen is not None, partial(_tell, bar)
    try:
        _prepare(asking, judge, config, bar, options)
        asked = _in_batches(asking, judge, bar) if config.batches else judge
        receiving = judge.receiving(log.folder, asking.judge_id, log.token)
        with nullcontext() if config.batches else receiving:
            done = {
                TITLES[kind]: ask(asking, asked, kind, vocabulary, bar, log, judge.budget) for kind in options.kinds
            }
    finally:
        # What becomes of calls that are left is told by the process that receives their replies.
        if judge.leaves_calls:
            _tell(
                bar,
                "Replies to calls already sent are still received and kept for the next time you run this command.",
            )
        else:
            _keep_extra(asking, judge, "lost", judge.budget.not_kept_usd, log.token)
            log.release(log.token)
    if n_left := judge.traffic.n_left:
        raise JudgeError(
            f"{counted(n_left, 'question')} got no answer. {judge.traffic.last_fault}",
            hint="The answers so far are kept. Run the same command again to ask the rest.",
        )
    return done


def _keep_what_is_left(asking: Inquiry, log: ReplyLog, judge: Judge, pack: Pack, tell: Callable[[str], None]) -> None:
    """Put into the database what a process that was killed had received, and count what it may have lost."""
    log.await_receiver(tell)
    keep_left_rows(asking, log, tell)
    if isinstance(judge, MessagesJudge):
        keep_left_replies(asking, log, judge, pack, tell)
    _keep_found_holds(asking, log)


def _keep_found_holds(asking: Inquiry, log: ReplyLog) -> None:
    """Count what processes that were killed may have paid for."""
    for token, amount in log.found_holds().items():
        if amount > CRUMB_USD:
            write_rows(asking.study, [JudgeExtraRow(token, asking.judge_id, "killed", amount, now())])
        log.release(token)


def _keep_extra(asking: Inquiry, judge: MessagesJudge, reason: ExtraReason, cost_usd: float, name: str) -> None:
    """Write down what was spent beside the votes, or may have been."""
    if cost_usd > CRUMB_USD:
        write_rows(asking.study, [JudgeExtraRow(name, asking.judge_id, reason, cost_usd, now())])
        judge.budget.keep(cost_usd)


def _tell(bar: Progress, text: str) -> None:
    bar.console.print(f"{NOTE}{visible(text)}", markup=False, highlight=False, soft_wrap=True)


def forecast(study: Path, run_id: str, judge: Judge, config: StudyConfig, options: AskOptions) -> Preflight:
    """What asking all that is pending would take; nothing is asked and nothing written."""
    asking = _asking(study, run_id, judge, config, options)
    if not isinstance(judge, MessagesJudge):
        return price_free_judge(asking, judge, options.kinds)
    # Tokens are counted where the key is there anyway.
    count = judge.endpoint.key != NO_KEY_YET
    return price_judging(asking, judge, options.kinds, config, count=count)


def _asking(study: Path, run_id: str, judge: Judge, config: StudyConfig, options: AskOptions) -> Inquiry:
    name = judge_id(judge.identity)
    asking = Inquiry(study, run_id, name, n_votes=config.votes, again=options.again, chosen=options.chosen)
    _require_pairs(asking)
    return asking


def _require_pairs(asking: Inquiry) -> None:
    """Raise ConfigError for a chosen pair that there is nothing to ask about."""
    if asking.chosen is None:
        return
    values = asking.values("relevance")
    with connect(asking.study) as cursor:
        found = cursor.execute(query("judging.chosen_pairs"), {name: values[name] for name in ("run_id", "chosen")})
        known = set(found.fetchall())
    for concept, sample_id in asking.chosen:
        if (concept, sample_id) not in known:
            raise ConfigError(
                f'Run {asking.run_id} has no text of a sample "{sample_id}" that serves "{concept}".',
                hint="A pair is named as SAMPLE_ID:CONCEPT.",
            )


def _prepare(asking: Inquiry, judge: MessagesJudge, config: StudyConfig, bar: Progress, options: AskOptions) -> None:
    """Tell the price and have it agreed to, then find out what the endpoint can do."""
    judge.require_price()
    known = _known_capabilities(asking.study, judge)
    count = known is None or known.counts_tokens
    preflight = price_judging(asking, judge, options.kinds, config, count=count)
    bar.stop()
    bar.console.print(preflight_table(preflight))
    agreed = options.yes or config.budget is not None
    require_consent(preflight, judge, agreed=agreed, ask=_ask_person if terminal_asks() else None)
    bar.start()
    if known is None:
        endpoint, before_usd = judge.endpoint, judge.budget.spent_usd
        try:
            known = probe(endpoint, prices=judge.prices, budget=judge.budget, in_haste=judge.in_haste, tell=judge.tell)
        finally:
            _keep_extra(asking, judge, "probe", judge.budget.spent_usd - before_usd, secrets.token_hex(8))
        judge.was_reached_before = True
        write_rows(asking.study, [EndpointRow(endpoint.base_url, endpoint.model, known.to_json(), now())])
    judge.capabilities = known


def _in_batches(asking: Inquiry, judge: MessagesJudge, bar: Progress) -> BatchJudge:
    if not judge.capabilities.batches:
        raise JudgeError(
            f"{judge.endpoint.base_url} has no message batches.", hint="Leave --batches out to ask one by one."
        )
    said: set[str] = set()

    def tell(text: str) -> None:
        if text not in said:
            said.add(text)
            _tell(bar, text)

    return BatchJudge(judge, StudyLedger(asking.study, asking.run_id, asking.judge_id), tell=tell)


def _ask_person(question: str) -> bool:
    # A prompt of the usual kind would put a space on stdout, where the run's id is to stand alone.
    typer.echo(f"{question} [y/N]: ", err=True, nl=False)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _known_capabilities(study: Path, judge: MessagesJudge) -> Capabilities | None:
    values = {"base_url": judge.endpoint.base_url, "model": judge.endpoint.model}
    with connect(study) as cursor:
        row = cursor.execute(query("judging.capabilities"), values).fetchone()
    return Capabilities.from_json(row[0]) if row else None
