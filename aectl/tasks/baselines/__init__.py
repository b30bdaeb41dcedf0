"""What needs no training of a network: the methods that a model has to beat. Knows nothing of models, tasks or data."""
