"""Figures from viewmodels and a palette; no Streamlit, no data access. Text from a study is escaped, for plotly reads HTML.

Those that the report shows too are in `engine.figures`, with what all of them share.
"""

from app.charts.concept_layers import concept_layers
from app.charts.histograms import rating_histograms
from app.charts.lens_dots import lens_plot
from app.charts.pack_map import pack_map
from app.charts.trial import trial_plot
from app.kept import kept
from engine.figures import dots as _dots
from engine.figures import forest as _forest
from engine.figures import quadrant_map as _quadrant_map

forest = kept(_forest.forest)
interval_dots = kept(_dots.interval_dots)
quadrant_map = kept(_quadrant_map.quadrant_map)

__all__ = [
    "concept_layers",
    "forest",
    "interval_dots",
    "lens_plot",
    "pack_map",
    "quadrant_map",
    "rating_histograms",
    "trial_plot",
]
