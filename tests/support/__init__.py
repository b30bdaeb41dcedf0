"""Toy models, short runs and fault injection that the tests share."""
