"""WordNet 3.0 as an nltk reader, from whichever installation the machine has.

nltk's own data folder is used where it holds WordNet. Otherwise Debian's dictionary files serve: nltk refuses symbolic links and
wants one file more than Debian ships (`lexnames`), so real copies and that file are prepared once in a cache folder.
The folder appears under its final name in one rename, so a process that dies or races leaves nothing half made.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.errors import WordNetMissing

DEBIAN_FOLDER = Path("/usr/share/wordnet")

_LEXICOGRAPHER_FILES = [
    "adj.all",
    "adj.pert",
    "adv.all",
    "noun.Tops",
    "noun.act",
    "noun.animal",
    "noun.artifact",
    "noun.attribute",
    "noun.body",
    "noun.cognition",
    "noun.communication",
    "noun.event",
    "noun.feeling",
    "noun.food",
    "noun.group",
    "noun.location",
    "noun.motive",
    "noun.object",
    "noun.person",
    "noun.phenomenon",
    "noun.plant",
    "noun.possession",
    "noun.process",
    "noun.quantity",
    "noun.relation",
    "noun.shape",
    "noun.state",
    "noun.substance",
    "noun.time",
    "verb.body",
    "verb.change",
    "verb.cognition",
    "verb.communication",
    "verb.competition",
    "verb.consumption",
    "verb.contact",
    "verb.creation",
    "verb.emotion",
    "verb.motion",
    "verb.perception",
    "verb.possession",
    "verb.social",
    "verb.stative",
    "verb.weather",
    "adj.ppl",
]
_CATEGORY_NUMBERS = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}
_CATEGORIES = ("noun", "verb", "adj", "adv")
_FILES = (
    "cntlist.rev",
    "index.sense",
    *(f"{kind}.{category}" for kind in ("index", "data") for category in _CATEGORIES),
    *(f"{category}.exc" for category in _CATEGORIES),
)


def load_wordnet(*, dictionary: Path = DEBIAN_FOLDER, cache: Path | None = None) -> Any:
    """Return an `nltk.corpus.reader.wordnet.WordNetCorpusReader` on WordNet 3.0 (about 2 s and 80 MB the first time).

    `dictionary` holds the files to fall back on, `cache` the folder prepared from them (default `default_cache()`).
    Raises `WordNetMissing`, naming both ways to install, when neither nltk's data nor `dictionary` is there.
    """
    folder = _installed_folder() or prepare(dictionary, cache or default_cache())
    # What was prepared is found as installed from then on: by one name, it is read once.
    return _read(Path(folder) if isinstance(folder, str) else folder)


def default_cache() -> Path:
    """Return the folder that prepared dictionaries live in: `$XDG_CACHE_HOME/lensgap`, else `~/.cache/lensgap`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lensgap"


def lexnames() -> str:
    """Return the file that lexnames(5WN) describes: 45 lines of number, lexicographer file and syntactic category."""
    rows = (
        f"{number:02d}\t{name}\t{_CATEGORY_NUMBERS[name.split('.')[0]]}\n"
        for number, name in enumerate(_LEXICOGRAPHER_FILES)
    )
    return "".join(rows)


def prepare(dictionary: Path, cache: Path) -> Path:
    """Copy `dictionary` into `cache` as nltk wants it and return the folder; an earlier copy is used as it is.

    Raises `WordNetMissing` when a file is absent or the cache cannot be written.
    """
    target = cache / "nltk_data" / "corpora" / "wordnet"
    if target.is_dir():
        return target
    absent = [name for name in _FILES if not (dictionary / name).is_file()]
    if absent:
        raise WordNetMissing(
            "No WordNet dictionary was found.",
            hint="On Debian or Ubuntu run `apt-get install wordnet-base wordnet-sense-index`; elsewhere run `python "
            "-c \"import nltk; nltk.download('wordnet')\"`.",
        )
    try:
        _copy(dictionary, target)
    except OSError as error:
        raise WordNetMissing(f"WordNet could not be copied to {target}: {error.strerror or error}.") from error
    return target


def _copy(dictionary: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix="wordnet-"))
    try:
        for name in _FILES:
            shutil.copyfile(dictionary / name, scratch / name)
        (scratch / "lexnames").write_text(lexnames(), encoding="ascii")
        scratch.rename(target)
    except OSError:
        # Another process may have finished first; its copy is as good as ours.
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _installed_folder() -> Any:
    """Return the pointer nltk has on an installed WordNet, zipped or not, or None."""
    import nltk

    for name in ("corpora/wordnet", "corpora/wordnet.zip/wordnet/"):
        try:
            return nltk.data.find(name)
        except LookupError:
            continue
    return None


@lru_cache(maxsize=4)
def _read(folder: Any) -> Any:
    import nltk
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class Reader(WordNetCorpusReader):  # type: ignore[misc]
        """Without its table of other versions, which serves other languages and takes longer than all the rest."""

        def map_wn(self, version: str = "wordnet") -> None:
            """No table."""

    if isinstance(folder, Path):
        # nltk opens files only below the folders on its own search path.
        root = str(folder.parents[1])
        if root not in nltk.data.path:
            nltk.data.path.append(root)
        folder = nltk.data.FileSystemPathPointer(str(folder))
    with warnings.catch_warnings():
        # Other languages' WordNets are not part of the product, so their absence is no news.
        warnings.filterwarnings("ignore", message="The multilingual functions")
        return Reader(folder, omw_reader=None)
