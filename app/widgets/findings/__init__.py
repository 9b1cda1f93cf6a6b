"""The sections of the findings screen, one drawn at a time, so that only what is looked at is worked out."""
