"""aectl: train, evaluate and sample autoencoders from the command line."""

__version__ = "0.1.0"
