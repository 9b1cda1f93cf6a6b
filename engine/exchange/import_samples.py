"""Read anyone's texts from JSONL, JSON, CSV, Parquet or a Hugging Face dataset, columns mapped by flags.

A column that no flag maps may be guessed by its name, and every guess is told, as is every column that is not read. Parquet,
folders and the hub are read with the `datasets` library, from this machine unless a hub is named, into a scratch folder that is
gone afterwards; files of text row by row, so that a bad row is known by its number. What the hub sends lies in its library's own
cache, where a download that broke off goes on.
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from engine.errors import SamplesError
from engine.exchange.artifacts import (
    Imported,
    ImportedJudgment,
    ImportedSample,
    Problem,
    Unsound,
    checked_concept,
    checked_rating,
    checked_text,
    settle,
    shown,
)
from engine.exchange.hub import WHO_MAY, hint_for, words_of
from engine.exchange.import_rows import CSV, JSON, Entry, FileEntries, read_entries

ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
GUESSES: Mapping[str, tuple[str, ...]] = {
    "concept": ("concept", "term"),
    "arm": ("arm", "sample_type", "label"),
    "text": ("text", "response", "output"),
    "prompt": ("prompt", "instruction"),
    "rating": ("rating", "relevance_rating"),
}
HUB = "hf://"
"""What stands before the name of a dataset that is to be taken from the hub, so that a mistyped folder asks nobody."""
NEEDED = ("concept", "arm", "text")
POSITIVE = frozenset({"positive", "pos", "true", "yes", "1"})
NEGATIVE = frozenset({"negative", "neg", "false", "no", "0"})


@dataclass(frozen=True, slots=True)
class Columns:
    """The column that holds each thing; None where none does."""

    concept: str | None = None
    arm: str | None = None
    text: str | None = None
    prompt: str | None = None
    rating: str | None = None


def read_samples(
    source: Path | str,
    asked: Columns,
    *,
    positive_value: str | None = None,
    config: str | None = None,
    split: str | None = None,
    skip_bad: bool = False,
) -> Imported:
    """The rows of a file, a dataset folder or a hub's dataset; SamplesError for what cannot be read or may not be left out.

    With a positive value, every other value of the arm's column is negative; without one, both must be of the usual words.
    """
    with tempfile.TemporaryDirectory(prefix="lensgap-") as scratch:
        entries = _load(str(source), config, split, Path(scratch))
        columns, notices = choose_columns(entries.column_names, asked)
        samples, problems = _samples(entries.rows, columns, positive_value, Path(source).name)
        if positive_value is not None:
            notices += _told_values(entries.rows, str(columns.arm), positive_value)
    notices += settle(problems, skip_bad=skip_bad, error=SamplesError)
    if not samples:
        raise SamplesError(f"{source} has no valid row.")
    return Imported("samples", str(source), tuple(samples), notices=tuple(notices), left_out=tuple(problems))


def choose_columns(names: Sequence[str], asked: Columns) -> tuple[Columns, list[str]]:
    """The columns asked for, the others guessed by name, and what to tell of both; SamplesError for one that is missing."""
    chosen: dict[str, str | None] = {}
    notices = []
    for what in (one.name for one in fields(Columns)):
        column = getattr(asked, what)
        if column is not None and column not in names:
            raise SamplesError(f"There is no column {column!r}; there are {_listed(names)}.")
        taken = {*chosen.values(), *(getattr(asked, one.name) for one in fields(Columns))}
        guess = next((name for name in GUESSES[what] if name in names and name not in taken), None)
        chosen[what] = column or guess
        if chosen[what] is None and what in NEEDED:
            raise SamplesError(
                f"No column name suggests the {what}. The columns are {_listed(names)}.",
                hint=f"Name it with --{what}.",
            )
        how = "" if column else " (guessed by its name)"
        notices.append(f"{what}: column {chosen[what]!r}{how}" if chosen[what] else f"{what}: no column")
    if unread := [name for name in names if name not in chosen.values()]:
        notices.append(f"columns not read: {_listed(unread)}")
    return Columns(**chosen), notices


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


@dataclass(frozen=True, slots=True)
class _Dataset:
    """Rows that the library reads one after the other, as often as they are asked for."""

    column_names: tuple[str, ...]
    rows: Iterable[Entry]


def _load(source: str, config: str | None, split: str | None, scratch: Path) -> FileEntries | _Dataset:
    """The rows of a file, or of one split of a dataset; nothing is looked up elsewhere but what is named so."""
    file = Path(source)
    if file.is_file() and file.suffix.lower() in JSON | CSV.keys():
        return read_entries(file)
    import datasets
    from datasets.exceptions import DatasetsError

    datasets.disable_progress_bars()
    # What it logs of a file that it cannot read is told as our error.
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    try:
        found = _open_hub(source, config, scratch) if source.startswith(HUB) else _open(file, config, scratch)
    except (DatasetsError, ValueError, TypeError, KeyError, OSError, StopIteration) as error:
        said = str(error.__cause__ or error).strip().partition("\n")[0][:200]
        raise SamplesError(
            f"{source} cannot be read as a dataset: {said.rstrip('.') or type(error).__name__}."
        ) from error
    if isinstance(found, datasets.DatasetDict):
        if (split or next(iter(found))) not in found or (split is None and len(found) > 1):
            raise SamplesError(f"{source} has the splits {_listed(found)}.", hint="Name one of them with --split.")
        found = found[split or next(iter(found))]
    return _Dataset(tuple(found.column_names), found)


def _open_hub(source: str, config: str | None, scratch: Path) -> Any:
    """A dataset of the hub, kept for the time of the import; what a token allows is the library's to find."""
    import datasets
    import httpx2
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    name = source.removeprefix(HUB).removeprefix("datasets/")
    try:
        return datasets.load_dataset(name, config, cache_dir=str(scratch))
    except DatasetNotFoundError as error:
        raise SamplesError(f"The hub has no dataset {name} that may be read.", hint=WHO_MAY) from error
    except (OSError, ValueError, httpx2.HTTPError) as error:
        # The library tells a refusal as a file that is not there, with the answer that it got among the causes.
        for cause in _causes(error):
            if isinstance(cause, HfHubHTTPError):
                raise SamplesError(f"The hub refused {name}: {words_of(cause)}.", hint=hint_for(cause)) from error
        for cause in _causes(error):
            if isinstance(cause, OfflineModeIsEnabled | ConnectionError | httpx2.ConnectError):
                hint = "Without a network, name a file or a folder."
                raise SamplesError(f"The hub could not be reached for {name}.", hint=hint) from error
            if isinstance(cause, httpx2.HTTPError):
                said = str(cause).strip().partition("\n")[0][:200] or type(cause).__name__
                hint = "Nothing was imported; run the same command again."
                raise SamplesError(f"The hub broke off in the middle of {name}: {said}.", hint=hint) from error
        raise


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it came from, and so on."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _open(source: Path, config: str | None, scratch: Path) -> Any:
    import datasets

    if source.is_dir():
        if (source / "dataset_dict.json").is_file() or (source / "state.json").is_file():
            return datasets.load_from_disk(str(source))
        return datasets.load_dataset(str(source), config, cache_dir=str(scratch))
    if not source.is_file() or source.suffix.lower() != ".parquet":
        absent = f"there is no such file; a dataset of the hub is named {HUB}owner/name"
        raise ValueError(f"it must end in {', '.join(ENDINGS)}, or be a folder" if source.is_file() else absent)
    return datasets.load_dataset("parquet", data_files=str(source), cache_dir=str(scratch))


def _samples(
    entries: Iterable[Entry], columns: Columns, positive_value: str | None, file: str
) -> tuple[list[ImportedSample], list[Problem]]:
    samples, problems = [], []
    for number, entry in enumerate(entries, start=1):
        try:
            if isinstance(entry, str):
                raise Unsound(entry)
            samples.append(_sample(entry, columns, positive_value))
        except Unsound as unsound:
            problems.append(Problem(file, number, str(unsound)))
    return samples, problems


def _sample(entry: Mapping[str, Any], columns: Columns, positive_value: str | None) -> ImportedSample:
    rating = _rating(entry.get(columns.rating), columns.rating) if columns.rating else None
    prompt = entry.get(columns.prompt) if columns.prompt else None
    return ImportedSample(
        concept=checked_concept(entry.get(str(columns.concept)), str(columns.concept)),
        quadrant=None,
        arm="positive" if _is_positive(entry.get(str(columns.arm)), str(columns.arm), positive_value) else "negative",
        prompt="" if prompt is None else checked_text(prompt, str(columns.prompt)),
        text=checked_text(entry.get(str(columns.text)), str(columns.text)),
        judgment=None if rating is None else ImportedJudgment(None, rating, None),
    )


def _rating(value: object, name: str) -> int | None:
    """A rating, which a CSV holds as text; an empty cell is none."""
    if isinstance(value, str):
        value = int(value) if value.strip().isdecimal() and value.isascii() and len(value) < 9 else value or None
    return checked_rating(value, name)


def _is_positive(value: object, name: str, positive_value: str | None) -> bool:
    text = str(value).strip()
    if value is None or text == "":
        raise Unsound(f'"{name}" is empty')
    if positive_value is not None:
        return text == positive_value
    if text.casefold() not in POSITIVE | NEGATIVE:
        raise Unsound(f'"{name}" is {shown(value)}; name the value of positives with --positive-value')
    return text.casefold() in POSITIVE


def _told_values(entries: Iterable[Entry], column: str, positive_value: str) -> Iterator[str]:
    """Which values were taken for which arm; SamplesError where none is the positive one."""
    values = (entry.get(column) for entry in entries if not isinstance(entry, str))
    counts = Counter(str(value).strip() for value in values if value is not None)
    if positive_value not in counts:
        raise SamplesError(f"No row has {positive_value!r} in the column {column!r}.")
    others = [value for value, _ in counts.most_common() if value != positive_value]
    yield f"positive: {positive_value!r}; negative: {_listed(others[:10])}{' and more' if len(others) > 10 else ''}"
