"""Where curves and pictures go."""
