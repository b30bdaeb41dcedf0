"""Architectures of encoders and decoders."""
