"""Autoencoders whose latents are discrete codes, and the prior over them."""
