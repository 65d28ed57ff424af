"""The project's headline experiments: described, run so that they can be cut off, and reported."""
