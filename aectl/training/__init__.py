"""Trains an experiment; all of PyTorch Lightning stays in this room."""
