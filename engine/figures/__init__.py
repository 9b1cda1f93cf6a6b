"""Figures that screens and the report share, the palette, and what all figures are made with; no data access, no Streamlit."""
