"""Single-image super-resolution: the network, its training with a loss from chosen channels, and its scores."""
