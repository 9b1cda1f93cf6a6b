"""Trains the bundled subject model: WordNet entries → texts → tokens → a small Llama → its measured model card."""
