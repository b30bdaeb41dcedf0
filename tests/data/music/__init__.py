"""Tests of `aectl/data/music/`."""
