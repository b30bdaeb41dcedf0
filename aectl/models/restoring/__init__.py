"""Models that restore: convolutional encoder-decoders without a bottleneck, and masked autoencoders."""
