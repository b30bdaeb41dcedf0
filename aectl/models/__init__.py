"""Autoencoders, as torch modules: one file per paper."""
