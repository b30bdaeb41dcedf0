"""Data sets, their splits and batches."""
