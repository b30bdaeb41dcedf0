"""One table over many runs: read, cached, grouped, ranked and written in several formats. Imports no torch."""
