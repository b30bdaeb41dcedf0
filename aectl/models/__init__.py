"""Autoencoders, as torch modules: one file a paper."""
