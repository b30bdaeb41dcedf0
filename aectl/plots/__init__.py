"""Figures and image grids from arrays; the only room that imports matplotlib."""
