"""Autoencoders with one code an input and no prior over codes."""
