"""`python -m engine.bundled.training`: train the subject model, measure its checkpoints, write the model folder."""

from engine.bundled.training.command import main

main()
