"""A run as one HTML file that opens offline: a map of its latents, and its decoder and encoder running in the page."""
