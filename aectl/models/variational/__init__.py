"""Variants of the VAE: other bounds, divergences, priors and posteriors."""
