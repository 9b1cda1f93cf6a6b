"""The judge that the settings name, before anything is loaded or asked."""

import os
from pathlib import Path

from engine.config import StudyConfig
from engine.errors import ConfigError, JudgeError
from engine.judges.api.endpoint import ANTHROPIC_KEY, ASSUMED, Endpoint, find_endpoint
from engine.judges.api.messages import Limits, MessagesJudge
from engine.judges.costs.prices import load_prices
from engine.judges.judge import Judge
from engine.judges.local.local_judge import LocalJudge
from engine.judges.offline import OfflineJudge
from engine.judges.questions import Questioner
from engine.packs.pack import Pack
from engine.prompts.rubrics import load_rubric

DEFAULT_MODEL = "claude-haiku-5-5"
KNOWN = "offline, anthropic, anthropic:<model>, local:<folder or hub id>"
NO_KEY_YET = "not-set"


def open_judge(config: StudyConfig, pack: Pack, *, is_asked: bool = True, again: bool = False) -> Judge:
    """The judge of the settings; a key is required only where it `is_asked`. JudgeError or ConfigError for what cannot be.

    Asked `again` for what it left unscored, a judge that says the same every time is none.
    """
    backend, colon, name = config.judge.partition(":")
    if config.batches and backend != "anthropic":
        raise ConfigError("batches work only with an anthropic judge; leave the option out for any other.")
    if again and (config.judge == "offline" or backend == "local"):
        raise ConfigError(
            f"{config.judge} would give the same answers to the unscored votes again.",
            hint="Leave --retry-unscored out, or ask another judge.",
        )
    if config.judge == "offline":
        _require_one_vote(config, "the offline judge always gives the same answer")
        return OfflineJudge(pack)
    questioner = Questioner(load_rubric(config.rubric), pack, text_limit=config.text_limit)
    if backend == "local" and name:
        _require_one_vote(config, "a local judge gives its whole distribution in one vote")
        return LocalJudge(name, questioner, device=config.device)
    if backend == "anthropic" and bool(colon) == bool(name):
        return _messages_judge(config, questioner, name or DEFAULT_MODEL, is_asked=is_asked)
    raise JudgeError(f'There is no judge "{config.judge}".', hint=f"Known judges: {KNOWN}.")


def _messages_judge(config: StudyConfig, questioner: Questioner, model: str, *, is_asked: bool) -> MessagesJudge:
    return MessagesJudge(
        _endpoint(model, config.base_url, is_asked=is_asked),
        questioner,
        prices=load_prices(Path(config.prices) if config.prices else None),
        capabilities=ASSUMED,
        limits=Limits(rpm=config.rpm, tpm=config.tpm),
    )


def _endpoint(model: str, base_url: str | None, *, is_asked: bool) -> Endpoint:
    environ = dict(os.environ)
    if not is_asked and not environ.get(ANTHROPIC_KEY, "").strip():
        environ[ANTHROPIC_KEY] = NO_KEY_YET
    return find_endpoint(model, base_url, environ=environ)


def _require_one_vote(config: StudyConfig, reason: str) -> None:
    if config.votes != 1:
        raise ConfigError(f"votes must be 1 because {reason}.")
