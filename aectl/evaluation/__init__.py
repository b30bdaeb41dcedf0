"""How good a run is: scores beside classical baselines, latents, likelihood and samples."""
