"""A run is a folder; the one door through which anybody's files come in."""
