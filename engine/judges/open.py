"""The judge that the settings name."""

from engine.config import StudyConfig
from engine.errors import ConfigError, JudgeError
from engine.judges.judge import Judge
from engine.judges.offline import OfflineJudge
from engine.packs.pack import Pack

KNOWN = "offline, anthropic, anthropic:<model>, local:<folder or hub id>"


def open_judge(config: StudyConfig, pack: Pack) -> Judge:
    """The judge of the settings; nothing is loaded or asked yet. JudgeError or ConfigError for what cannot be."""
    if config.judge == "offline":
        _require_one_vote(config, "the offline judge says the same every time")
        return OfflineJudge(pack)
    raise JudgeError(f'There is no judge "{config.judge}".', hint=f"Known judges: {KNOWN}.")


def _require_one_vote(config: StudyConfig, reason: str) -> None:
    if config.votes != 1:
        raise ConfigError(f"votes must be 1, for {reason}.")
