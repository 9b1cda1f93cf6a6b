"""Figures from viewmodels and a palette; no Streamlit, no data access. Text from a study is escaped, for plotly reads HTML."""

from app.charts.concept_layers import concept_layers
from app.charts.forest import forest
from app.charts.histograms import rating_histograms
from app.charts.lens_dots import lens_plot
from app.charts.pack_map import pack_map
from app.charts.quadrant_map import quadrant_map
from app.charts.trial import trial_plot

__all__ = ["concept_layers", "forest", "lens_plot", "pack_map", "quadrant_map", "rating_histograms", "trial_plot"]
