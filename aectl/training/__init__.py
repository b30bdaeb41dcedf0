"""Trains an experiment; the only room that imports PyTorch Lightning."""
