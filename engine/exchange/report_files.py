"""Write the report to carry to a meeting: a page, a Markdown file, images. Each file appears whole or not at all."""

import errno
import os
import tempfile
from pathlib import Path

from engine.errors import ExpectedError, StudyFull
from engine.exchange.document.model import Document
from engine.exchange.report_html.page import render_page
from engine.exchange.report_markdown import render_markdown
from engine.exchange.report_plots import write_plots


def write_report(
    document: Document, *, html: Path | None = None, markdown: Path | None = None, plots: Path | None = None
) -> list[Path]:
    """Write what is asked for and return the files, images first, since the Markdown refers to them; older ones are replaced.

    ExpectedError where a file cannot be written, PlotsError where images cannot be drawn.
    """
    written = write_plots(document, plots) if plots else []
    if markdown:
        beside = _relative(plots, markdown) if plots else None
        written.append(write_text(markdown, render_markdown(document, plots=beside)))
    if html:
        written.append(write_text(html, render_page(document)))
    return written


def _relative(folder: Path, file: Path) -> str:
    """The folder as a link in the file names it."""
    return Path(os.path.relpath(folder.absolute(), file.absolute().parent)).as_posix()


def write_text(file: Path, text: str) -> Path:
    """Write a text file beside its place and put it there; ExpectedError where it cannot be written."""
    if file.is_dir():
        raise ExpectedError(f"{file} is a folder.", hint="Name a file.")
    scratch: str | None = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:40]}-")
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as opened:
            opened.write(text)
        os.chmod(scratch, 0o644)
        os.replace(scratch, file)
        scratch = None
    except OSError as error:
        kind = StudyFull if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} else ExpectedError
        raise kind(f"{file} cannot be written: {error.strerror or error}.") from error
    finally:
        if scratch is not None:
            Path(scratch).unlink(missing_ok=True)
    return file
