"""Likelihoods, distributions and divergences: torch only."""
