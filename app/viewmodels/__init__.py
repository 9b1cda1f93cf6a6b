"""From rows and findings to what a screen shows: plain values and finished texts, no Streamlit, no SQL, no statistics."""
