"""The engine's expected errors; `ExpectedError` is their base and what the command line turns into exit status 1."""

from db.errors import ExpectedError, StudyFull, StudyLocked, StudyMissing, StudyUnreadable

__all__ = [
    "ActivationsError",
    "ArtifactsError",
    "AuditError",
    "BudgetReached",
    "ConfigError",
    "ConsentMissing",
    "DatasetError",
    "ExpectedError",
    "JudgeBusy",
    "JudgeError",
    "LensPackError",
    "ModelError",
    "PackError",
    "PlotsError",
    "RunMissing",
    "SamplesError",
    "StudyFull",
    "StudyLocked",
    "StudyMissing",
    "StudyUnreadable",
    "TargetsError",
    "UploadError",
    "WordNetMissing",
]


class RunMissing(StudyMissing):
    """The study holds no run of that id."""

    title = "No such run"


class ConfigError(ExpectedError):
    """A setting is unknown, malformed, or contradicts another one."""

    title = "A setting is wrong"


class PackError(ExpectedError):
    """A concept pack is missing or malformed; the message names file and field."""

    title = "The concept pack cannot be used"


class ModelError(ExpectedError):
    """A model folder or hub id cannot be loaded as a causal language model."""

    title = "The subject model cannot be used"


class JudgeError(ExpectedError):
    """A judge cannot be set up or reached."""

    title = "The judge cannot be used"


class BudgetReached(JudgeError):
    """The next call of a judge may cost more than is left of its budget."""

    title = "The budget is reached"


class ConsentMissing(JudgeError):
    """Asking costs money that nobody agreed to spend."""

    title = "Nothing was asked"


class JudgeBusy(JudgeError):
    """Another process asks the same judge about the study."""

    title = "The judge is busy"


class AuditError(ExpectedError):
    """An audit cannot be planned or estimated as it is asked for."""

    title = "The audit is not possible"


class LensPackError(ExpectedError):
    """A lens file or a lens pack cannot be written or read; the message names the file."""

    title = "The lenses cannot be used"


class ActivationsError(ExpectedError):
    """Stored activations are missing, damaged or of another model; the message names the shard."""

    title = "The activations cannot be used"


class ArtifactsError(ExpectedError):
    """Artifacts cannot be read or written; the message names file and row."""

    title = "The artifacts cannot be used"


class SamplesError(ArtifactsError):
    """Samples of others cannot be imported; the message names file and row."""

    title = "The samples cannot be imported"


class DatasetError(ArtifactsError):
    """A dataset cannot be written."""

    title = "The dataset cannot be written"


class UploadError(DatasetError):
    """A dataset was not put on a hub."""

    title = "The dataset was not uploaded"


class PlotsError(ExpectedError):
    """Images of charts cannot be drawn here."""

    title = "The plots cannot be written"


class TargetsError(ExpectedError):
    """A file of targets cannot be read; the message names the entry."""

    title = "The targets cannot be used"


class WordNetMissing(ExpectedError):
    """No WordNet dictionary is installed."""

    title = "WordNet is not installed"
