"""Distributions, divergences and likelihoods."""
