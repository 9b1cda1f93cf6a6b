"""File names for concepts that every file system keeps apart, whatever the concepts are called.

A plain name stands as it is, so that people and other tools find a concept's file. Any other (with slashes, dots, marks beyond
ASCII, a name that a system reserves, or one that differs from another only in its case) is written in plain characters with
a hash of the concept behind it. The manifest maps files to concepts; nobody need read a name back.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

# No dot, which hides a file or begins a suffix.
_PLAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9 _()+-]{0,78}[A-Za-z0-9_)+])?")
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d|conin|conout|clock", re.IGNORECASE)
_HASHED = re.compile(r".*-[0-9a-f]{10}")


def file_names(concepts: Iterable[str]) -> dict[str, str]:
    """A name without suffix for each concept; no two are equal, in upper case or lower."""
    distinct = list(dict.fromkeys(concepts))
    often = Counter(concept.casefold() for concept in distinct)
    return {
        concept: concept if _is_plain(concept) and often[concept.casefold()] == 1 else _hashed(concept)
        for concept in distinct
    }


def _is_plain(concept: str) -> bool:
    """Whether the concept may name its file; never what looks like one of our hashed names."""
    return bool(_PLAIN.fullmatch(concept)) and not (_RESERVED.fullmatch(concept) or _HASHED.fullmatch(concept))


def _hashed(concept: str) -> str:
    digest = hashlib.blake2b(concept.encode(errors="surrogatepass"), digest_size=5).hexdigest()
    plain = re.sub(r"[^A-Za-z0-9]+", "_", concept).strip("_")[:60]
    return f"{plain or 'concept'}-{digest}"
