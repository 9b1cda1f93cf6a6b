"""Errors that a user is told in one sentence; anything else is a fault of ours and shows its traceback.

They are defined in the lowest package so that all three may raise them.
"""


class ExpectedError(Exception):
    """A failure that its message explains in one sentence, with what to do next as the hint."""

    title = "Something went wrong"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = str(self.args[0])
        return f"{message} {self.hint}" if self.hint else message


class StudyMissing(ExpectedError):
    """The folder holds no study."""

    title = "No study here"


class StudyUnreadable(ExpectedError):
    """The study's database cannot be opened: damaged, of a newer schema, or not permitted."""

    title = "The study cannot be opened"


class StudyLocked(ExpectedError):
    """Another process held the database longer than we waited."""

    title = "The study is in use"


class StudyFull(ExpectedError):
    """The disk has no room for what was to be written; nothing half-written remains."""

    title = "The disk is full"


class StudyShort(ExpectedError):
    """What was asked at the same time needs more memory than the database may take."""

    title = "Too much at once"
