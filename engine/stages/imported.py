"""Runs whose texts were imported: they are judged, corrected and audited like any, and have no model to do the rest with."""

from typing import Final

from engine.config import StudyConfig
from engine.errors import ConfigError

PREFIX: Final = "imported:"
"""Begins the model that the settings of an imported run name; its run id follows."""


def imported_run(config: StudyConfig) -> str | None:
    """Id of the imported run that the settings are of; None where a model writes the run's texts."""
    return config.model.removeprefix(PREFIX) if config.model.startswith(PREFIX) else None


def require_own(config: StudyConfig) -> None:
    """Raise ConfigError for the settings of an imported run."""
    if run_id := imported_run(config):
        raise ConfigError(
            f"The texts of run {run_id} were imported, so it has no model: nothing can be generated, captured or trained.",
            hint="Name a model with --model to start a run of your own on the same concepts.",
        )
