"""Write a document's charts as images, through kaleido and the browser that it drives.

Kaleido is called without plotly in between, which would have its browser fetch a script from the network.
"""

import importlib.util
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
    if importlib.util.find_spec("kaleido") is None:
        raise PlotsError(
            "kaleido, which draws the images, is not installed.", hint="Install it with: pip install kaleido"
        )
    import kaleido
    from kaleido.errors import ChromeNotFoundError

    files = {folder / f"{chart.name}.{form}": (chart, form) for chart in document.charts for form in FORMATS}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        specs = [
            {"fig": _printed(chart), "path": file, "opts": _options(chart, form)}
            for file, (chart, form) in files.items()
        ]
        kaleido.write_fig_from_object_sync(specs, kopts={"mathjax": False})
    except OSError as error:
        raise PlotsError(f"{folder} cannot be written: {error.strerror or error}.") from error
    except ChromeNotFoundError as error:
        raise PlotsError("There is no browser to draw the images with.", hint="Install chromium or Chrome.") from error
    return list(files)


def _printed(chart: Chart) -> go.Figure:
    """The light figure on white; the one in the document stays as it is."""
    return go.Figure(chart.light).update_layout(paper_bgcolor="white")


def _options(chart: Chart, form: str) -> dict[str, object]:
    return {
        "format": form,
        "width": _WIDTH,
        "height": chart.light.layout.height,
        "scale": _SCALE if form == "png" else 1,
    }
