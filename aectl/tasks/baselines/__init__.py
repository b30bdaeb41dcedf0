"""Classical methods without a network, as baselines for the models."""
