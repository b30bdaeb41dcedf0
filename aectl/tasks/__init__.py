"""Degradations that a model learns to undo."""
