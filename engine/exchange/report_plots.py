"""Write a document's charts as images, through kaleido and the browser that it drives.

Kaleido is called without plotly in between, which would have its browser fetch a script from the network.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import plotly.graph_objects as go

from engine.errors import PlotsError
from engine.exchange.document.model import Chart, Document

FORMATS: Final = ("svg", "png")
_WIDTH: Final = 900
_SCALE: Final = 2
"""Pixels of a PNG for each pixel of the figure."""


def write_plots(document: Document, folder: Path) -> list[Path]:
    """Write every chart in light colours as SVG and PNG; files of the same names are replaced.

    PlotsError when kaleido or a browser is missing, or the folder cannot be written.
    """
    files = {folder / f"{chart.name}.{form}": _printed(chart) for chart in document.charts for form in FORMATS}
    return write_images(files)


def write_images(figures: Mapping[Path, go.Figure]) -> list[Path]:
    """Write figures as images of the kind that each file's ending names; files of the same names are replaced.

    PlotsError when kaleido or a browser is missing, or a folder cannot be written.
    """
    if importlib.util.find_spec("kaleido") is None:
        raise PlotsError(
            "kaleido, which draws the images, is not installed.", hint="Install it with: pip install kaleido"
        )
    import kaleido
    from kaleido.errors import ChromeNotFoundError

    specs = [{"fig": made, "path": file, "opts": _options(made, file)} for file, made in figures.items()]
    try:
        for file in figures:
            file.parent.mkdir(parents=True, exist_ok=True)
        kaleido.write_fig_from_object_sync(specs, kopts={"mathjax": False})
    except OSError as error:
        place = next(iter(figures)).parent
        raise PlotsError(f"{place} cannot be written: {error.strerror or error}.") from error
    except ChromeNotFoundError as error:
        raise PlotsError("There is no browser to draw the images with.", hint="Install chromium or Chrome.") from error
    return list(figures)


def _printed(chart: Chart) -> go.Figure:
    """The light figure on white; the one in the document stays as it is."""
    return go.Figure(chart.light).update_layout(paper_bgcolor="white")


def _options(made: go.Figure, file: Path) -> dict[str, object]:
    form = file.suffix.lower().removeprefix(".")
    return {"format": form, "width": _WIDTH, "height": made.layout.height, "scale": _SCALE if form == "png" else 1}
