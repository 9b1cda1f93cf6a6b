"""Pages to present as one HTML file."""
