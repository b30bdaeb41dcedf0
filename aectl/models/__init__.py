"""Autoencoders, as torch modules: one file a paper, in a folder a family; `ae` and `vae` are what most derive from."""
