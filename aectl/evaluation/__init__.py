"""How good a run is: its scores beside the baselines', its latents, its likelihood and its samples."""
