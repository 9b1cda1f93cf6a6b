"""The commands of `lensgap`, a module each or one for a few that belong together; engine.cli puts them together."""
